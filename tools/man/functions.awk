# SPDX-License-Identifier: Apache-2.0
# Man pages of section 3 from the public headers: one for each comment that
# stands above functions, and one for each header.  Called by man.mk:
#   awk -v out=DIR -v version=V -f roff.awk -f functions.awk include/kwire/*.h
# Every further function of a page is a page that refers to the first.

FNR == 1 { begin_header() }

# -- comments ----------------------------------------------------------------
in_comment {
	comment = comment "\n" comment_text($0)
	if ($0 ~ /\*\//) end_comment()
	next
}
/^\/\*/ && !in_type && !in_function {
	# A heading among the declarations, or the licence.
	if ($0 ~ /^\/\* (--|SPDX)/) next
	comment = comment_text($0)
	in_comment = 1
	if ($0 ~ /\*\//) end_comment()
	next
}

# -- types: their text is shown where a function takes one ---------------------
in_type {
	type_text[type] = type_text[type] "\n" $0
	if ($0 ~ /^}/ || (type_ends_at_semicolon && $0 ~ /;/)) in_type = 0
	next
}
/^(struct|enum) [a-z_]+ \{/ { begin_type($1 " " $2, 0); next }
/^typedef / {
	match($0, /[a-z_]+_function\(/)
	if (RSTART) {
		begin_type(substr($0, RSTART, RLENGTH - 1), 1)
		if ($0 ~ /;/) in_type = 0
		next
	}
}

# -- functions ------------------------------------------------------------------
/^(KWIRE_API|static inline) / && !in_function {
	if ($0 ~ /^KWIRE_API extern/) next
	in_function = 1
	declaration = ""
}
in_function {
	text = $0
	if (text ~ /^\{/) { add_function(declaration ";"); in_function = 0; skip_body = 1; next }
	sub(/^KWIRE_API /, "", text)
	sub(/^static inline /, "", text)
	declaration = declaration (declaration == "" ? "" : "\n") text
	if (text ~ /;/) { add_function(declaration); in_function = 0 }
	next
}
skip_body { if ($0 ~ /^}/) skip_body = 0; next }

# A comment speaks of what follows at once.
/^$/ { comment = ""; group = 0 }

END { finish() }

function comment_text(text) {
	sub(/^[ \t]*\/?\*+\/?[ \t]?/, "", text)
	sub(/[ \t]*\*\/[ \t]*$/, "", text)
	sub(/[ \t]+$/, "", text)
	return text
}
function end_comment() {
	in_comment = 0
	sub(/^\n+/, "", comment)
	if (header_text[header] == "") { header_text[header] = comment; comment = "" }
	group = 0
}
function begin_header() {
	header = FILENAME
	sub(/^.*include\//, "", header)
	headers[++header_count] = header
	comment = ""
	group = in_comment = in_type = in_function = skip_body = 0
}
function begin_type(name, at_semicolon) {
	type = name
	type_ends_at_semicolon = at_semicolon
	in_type = 1
	type_text[type] = (comment == "" ? "" : "/*\n * " join_lines(comment, "\n * ") "\n */\n") $0
}
function join_lines(text, with) { gsub(/\n/, with, text); return text }
function add_function(text,   name) {
	name = text
	sub(/\(.*/, "", name)
	sub(/.*[ *\n]/, "", name)
	# One without a comment is told of with those before it; lint objects (strict=1).
	if (!group && comment == "" && group_count > 0 && group_header[group_count] == header) {
		group = group_count
		if (strict) {
			print header ": " name "() has no comment of its own" >"/dev/stderr"
			failed = 1
		}
	}
	if (!group) {
		group = ++group_count
		group_comment[group] = comment
		group_header[group] = header
	}
	group_names[group] = group_names[group] (group_names[group] == "" ? "" : " ") name
	group_text[group] = group_text[group] (group_text[group] == "" ? "" : "\n\n") text
	comment = ""
}

function finish(   g, names, n, i, file, first, t, shown, word, words, k) {
	for (g = 1; g <= group_count; g++) {
		n = split(group_names[g], names, " ")
		first = names[1]
		file = out "/" first ".3"
		title(file, first, 3, version)
		name_line(file, join_with(names, n, ", "), first_sentence(group_comment[g]))
		section(file, "SYNOPSIS")
		code(file, "#include <" group_header[g] ">\n\n" group_text[g])
		section(file, "DESCRIPTION")
		prose(file, group_comment[g])
		# The types that it is about, but for those that every page would repeat.
		shown = 0
		k = split(group_text[g], words, /[^a-z_]+/)
		for (i = 1; i <= k; i++) {
			t = words[i] == "struct" || words[i] == "enum" ? words[i] " " words[i + 1] : words[i]
			if (!(t in type_text) || t == "struct kwire_error" || seen[g " " t]++) continue
			if (!shown++) section(file, "TYPES")
			else printf ".PP\n" >file
			code(file, type_text[t])
		}
		section(file, "SEE ALSO")
		see(file, page_of(group_header[g]), 3)
		close(file)
		for (i = 2; i <= n; i++) {
			printf ".so man3/%s.3\n", first >(out "/" names[i] ".3")
			close(out "/" names[i] ".3")
		}
		for (i = 1; i <= n; i++)
			header_functions[group_header[g]] = header_functions[group_header[g]] " " names[i]
	}
	for (i = 1; i <= header_count; i++) {
		file = out "/" page_of(headers[i]) ".3"
		title(file, page_of(headers[i]), 3, version)
		name_line(file, page_of(headers[i]), first_sentence(header_text[headers[i]]))
		section(file, "SYNOPSIS")
		code(file, "#include <" headers[i] ">")
		section(file, "DESCRIPTION")
		prose(file, header_text[headers[i]])
		n = split(header_functions[headers[i]], names, " ")
		if (n > 0) {
			section(file, "FUNCTIONS")
			for (k = 1; k <= n; k++) printf "%s.BR %s (3)\n", (k > 1 ? ".br\n" : ""), names[k] >file
		}
		section(file, "SEE ALSO")
		see(file, headers[i] == "kwire/kwire.h" ? "kwire-client" : "kwire-kwire", 3)
		close(file)
	}
	exit failed
}
function page_of(header_name) {
	sub(/\.h$/, "", header_name)
	sub(/\//, "-", header_name)
	return header_name
}
function join_with(list, count, between,   i, text) {
	for (i = 1; i <= count; i++) text = text (i > 1 ? between : "") list[i]
	return text
}
