# SPDX-License-Identifier: Apache-2.0
# Text as man(7) macros; what the generators of man pages share.

function escape(text) {
	gsub(/\\/, "\\e", text)
	gsub(/-/, "\\-", text)
	if (text ~ /^[.']/) text = "\\&" text
	return text
}
function title(file, name, number, release) {
	printf ".\\\" Made from kwire's headers and help texts: do not edit.\n.TH %s %d \"\" \"kwire %s\" \"kwire\"\n", \
		toupper(escape(name)), number, release >file
}
function section(file, name) { printf ".SH %s\n", name >file }
function name_line(file, names, sentence) {
	section(file, "NAME")
	printf "%s \\- %s\n", escape(names), escape(sentence) >file
}
function see(file, name, number) { printf ".BR %s (%d)\n", escape(name), number >file }

# Code, as it stands; tabs would go by the page's own stops.
function code(file, text,   lines, n, i) {
	printf ".nf\n" >file
	n = split(text, lines, "\n")
	for (i = 1; i <= n; i++) {
		gsub(/\t/, "        ", lines[i])
		printf "%s\n", lines[i] == "" ? ".sp" : escape(lines[i]) >file
	}
	printf ".fi\n" >file
}

# Prose: paragraphs, "- " items, and indented lines, which are code.
function prose(file, text,   lines, n, i, state, line) {
	n = split(text, lines, "\n")
	state = "start"
	for (i = 1; i <= n; i++) {
		line = lines[i]
		if (line ~ /^[ \t]*$/) {
			if (state == "code") printf ".fi\n" >file
			state = state == "start" ? "start" : "gap"
		} else if (line ~ /^- /) {
			if (state == "code") printf ".fi\n" >file
			printf ".IP \\(bu 2\n%s\n", escape(substr(line, 3)) >file
			state = "item"
		} else if (line ~ /^  / && state == "item") {
			sub(/^ +/, "", line)
			printf "%s\n", escape(line) >file
		} else if (line ~ /^(  |\t)/) {
			if (state != "code") printf "%s.nf\n", state == "gap" ? ".PP\n" : "" >file
			gsub(/\t/, "        ", line)
			printf "%s\n", escape(line) >file
			state = "code"
		} else {
			if (state == "code") printf ".fi\n" >file
			if (state == "gap" || state == "item" && line ~ /^[A-Z]/) printf ".PP\n" >file
			printf "%s\n", escape(line) >file
			state = state == "item" && line !~ /^[A-Z]/ ? "item" : "text"
		}
	}
	if (state == "code") printf ".fi\n" >file
}

# What apropos(1) shows: the first sentence, without its full stop.
function first_sentence(text,   end) {
	sub(/\n\n.*/, "", text)
	gsub(/\n/, " ", text)
	if (match(text, /[a-z0-9)`'"][.:]( |$)/)) text = substr(text, 1, RSTART)
	sub(/[.:]$/, "", text)
	return tolower(substr(text, 1, 1)) substr(text, 2)
}
