# SPDX-License-Identifier: Apache-2.0
# Man pages of section 3 from the generated headers, one for each API:
#   awk -v out=DIR -v version=V -f roff.awk -f apis.awk gen/include/kwire/api/*.h

FNR == 1 {
	finish()
	header = FILENAME
	sub(/^.*include\//, "", header)
	purpose = structs = functions = names = declaration = ""
	in_struct = in_function = 0
}
FNR == 3 {
	purpose = $0
	gsub(/^\/\* *| *\*\/$/, "", purpose)
}
/^struct [a-z0-9_]+ \{/ { in_struct = 1; structs = structs (structs == "" ? "" : "\n") (above == "" ? "" : above "\n") }
in_struct {
	structs = structs $0 "\n"
	if ($0 ~ /^}/) in_struct = 0
}
{ above = $0 ~ /^\/\* .*\*\/$/ ? $0 : "" }
/^static inline / { in_function = 1; declaration = "" }
in_function && /^\{/ {
	name = declaration
	sub(/\(.*/, "", name)
	sub(/.*[ *\n]/, "", name)
	names = names (names == "" ? "" : " ") name
	functions = functions "\n\n" declaration ";"
	in_function = 0
}
in_function {
	text = $0
	sub(/^static inline /, "", text)
	declaration = declaration (declaration == "" ? "" : "\n") text
}
END { finish() }

function finish(   file, list, n, i, api) {
	if (names == "") return
	n = split(names, list, " ")
	file = out "/" list[1] ".3"
	api = list[1]
	sub(/^kwire_send_/, "", api)
	title(file, list[1], 3, version)
	for (i = 2; i <= n; i++) list[1] = list[1] ", " list[i]
	name_line(file, list[1], first_sentence(purpose))
	n = split(names, list, " ")
	section(file, "SYNOPSIS")
	code(file, "#include <" header ">" functions "\n\nextern const struct kwire_api kwire_" api "_api;")
	section(file, "DESCRIPTION")
	prose(file, "Sends the request to a broker of a client, or on a connection, waits for the\nresponse and decodes it; the response is to be freed by kwire_response_free().\nWhat blocks until when, the results and whose memory is whose are told in the\npages below. A comment behind a field names the versions that have it.")
	section(file, "MESSAGES")
	code(file, structs)
	section(file, "SEE ALSO")
	printf ".BR kwire_send (3),\n.BR kwire_connection_send (3),\n.BR kwire_call_wait (3),\n.BR kwire_response_free (3)\n" >file
	close(file)
	for (i = 2; i <= n; i++) {
		printf ".so man3/%s.3\n", list[1] >(out "/" list[i] ".3")
		close(out "/" list[i] ".3")
	}
}
