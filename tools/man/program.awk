# SPDX-License-Identifier: Apache-2.0
# A man page of section 1 from help texts.  The first is the program's own; each
# further one, of a command, becomes a section:
#   awk -v out=FILE -v name=kwire -v summary=... -v version=V -f roff.awk -f program.awk HELP...

FNR == 1 {
	finish_text()
	if (++count == 1) {
		title(out, name, 1, version)
		name_line(out, name, summary)
		section(out, "SYNOPSIS")
	} else {
		section(out, toupper(command_of($0)))
	}
	sub(/^usage: /, "")
	printf ".B %s\n", escape($0) >out
	if (count == 1) section(out, "DESCRIPTION")
	else printf ".PP\n" >out
	fresh = 1
	next
}
# "  -b, --bootstrap LIST    what it is": a tag, and text that goes on further in.
/^ +[^ ].*[^ ]  +[^ ]/ && match($0, /[^ ]  +[^ ]/) && RSTART < 50 {
	begin_item(substr($0, 1, RSTART), substr($0, RSTART + RLENGTH - 1))
	next
}
/^  +-/ { begin_item($0, ""); next }
/^            / && in_item {
	sub(/^ +/, "")
	printf "%s\n", escape($0) >out
	next
}
/^$/ { in_item = 0; gap = 1; next }
/:$/ && gap && !/ .* .* / {
	printf ".SS %s\n", escape(toupper(substr($0, 1, 1)) substr($0, 2, length($0) - 2)) >out
	gap = in_item = 0
	next
}
{
	if (in_item || gap && !fresh) printf ".PP\n" >out
	in_item = gap = fresh = 0
	sub(/^ +/, "")
	printf "%s\n", escape($0) >out
}
END {
	section(out, "SEE ALSO")
	printf "%s", also == "" ? "" : ".BR " also " (1),\n" >out
	see(out, "kwire-kwire", 3)
}

function begin_item(tag, text) {
	sub(/^ +/, "", tag)
	printf ".TP\n.B %s\n%s", escape(tag), text == "" ? "" : escape(text) "\n" >out
	in_item = 1
	gap = fresh = 0
}
function finish_text() { in_item = gap = 0 }
function command_of(line) {
	sub(/^usage: /, "", line)
	split(line, words, " ")
	return words[1] " " words[2]
}
