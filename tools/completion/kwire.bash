# SPDX-License-Identifier: Apache-2.0
# Completion for bash: the programs are asked what they take, so that this
# cannot fall behind them.  Installed as .../completions/kwire and kwire-mockd.
_kwire() {
	local IFS=$'\n' word=${COMP_WORDS[COMP_CWORD]}
	# Bash takes `=` for a word of its own; kwire is told where it stood.
	COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" --complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "$word"))
	[[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
	return 0
}

_kwire_mockd() {
	local word=${COMP_WORDS[COMP_CWORD]}
	COMPREPLY=()
	if [[ $word == -* ]]; then
		COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" --help 2>/dev/null | grep -oE -- '(^| )--[a-z-]+')" -- "$word"))
	fi
	return 0
}

complete -o bashdefault -o default -F _kwire kwire
complete -o bashdefault -o default -F _kwire_mockd kwire-mockd
