# SPDX-License-Identifier: Apache-2.0
# A C program that prints the layouts of the public headers' structs, and the
# values of their enums:
#   awk -f tools/abi/layouts.awk include/kwire/*.h >layouts.c

BEGIN { print "#include <stddef.h>\n#include <stdio.h>" }
FNR == 1 {
	header = FILENAME
	sub(/^.*include\//, "", header)
	print "#include <" header ">"
}
# Comments may hold anything.
{
	while (match($0, /\/\*[^*]*\*\//)) $0 = substr($0, 1, RSTART - 1) substr($0, RSTART + RLENGTH)
	if (in_comment) { if (!sub(/^.*\*\//, "")) next; in_comment = 0 }
	if (match($0, /\/\*/)) { $0 = substr($0, 1, RSTART - 1); in_comment = 1 }
}
/^struct [a-z_]+ \{$/ {
	name = $2
	add("printf(\"struct " name " %zu\\n\", sizeof(struct " name "));")
	statement = ""
	depth = 1
	next
}
/^enum.*\{/ { in_enum = 1; next }
in_enum {
	if ($0 ~ /^}/) in_enum = 0
	else if (match($0, /^\t[A-Z][A-Z0-9_]*/)) {
		value = substr($0, 2, RLENGTH - 1)
		if ($0 !~ /\(/) add("printf(\"enum " value " %lld\\n\", (long long)" value ");")
	}
	next
}
depth > 0 {
	line = $0
	if (depth == 1 && line ~ /^}/) { depth = 0; next }
	opens = gsub(/\{/, "{", line)
	closes = gsub(/\}/, "}", line)
	if (depth == 1 && opens == 0) statement = statement " " line
	depth += opens - closes
	# What a struct or union inside is called stands behind its brace.
	if (depth == 1 && closes > 0) { statement = line; sub(/^.*\}/, "int", statement) }
	while (depth == 1 && (at = index(statement, ";")) > 0) {
		member(substr(statement, 1, at - 1))
		statement = substr(statement, at + 1)
	}
}
END {
	print "#define RESULT(name, value, text) printf(\"enum KWIRE_%s %d\\n\", #name, (int)KWIRE_##name);"
	print "#define PHASE(name, text) printf(\"enum KWIRE_PHASE_%s %d\\n\", #name, (int)KWIRE_PHASE_##name);"
	print "int main(void)\n{" body "\n\tKWIRE_RESULTS(RESULT)\n\tKWIRE_PHASES(PHASE)\n\treturn 0;\n}"
}
function add(text) { body = body "\n\t" text }
function member(text,   names, n, i, one) {
	if (match(text, /\(\*[a-z_]+\)/)) {
		report(substr(text, RSTART + 2, RLENGTH - 3))
		return
	}
	n = split(text, names, ",")
	for (i = 1; i <= n; i++) {
		one = names[i]
		sub(/ *\[.*/, "", one)
		sub(/ *$/, "", one)
		sub(/^.*[ *\t]/, "", one)
		if (one ~ /^[a-z]/) report(one)
	}
}
function report(one) {
	add("printf(\"struct " name "." one " %zu %zu\\n\", offsetof(struct " name ", " one "), sizeof(((struct " name " *)0)->" one "));")
}
