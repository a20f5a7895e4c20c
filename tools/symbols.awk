# nm -A OBJECT... | awk -f symbols.awk symbols.txt -: a function that others can call begins with the
# name of its folder or of its file, or one that symbols.txt gives to them; no object calls a banned
# function. Objects are called room_folder_file.c.o.
function carries(name) { return symbol == name || index(symbol, name "_") == 1 }
function bad(text) { print text; problems++ }
FILENAME != "-" {
    if (/^#/ || !NF) next
    name = $1; sub(":", "", name)
    for (i = 2; i <= NF; i++) {
        if (owner[$i] != "") bad("symbols.txt: " owner[$i] " and " name " share " $i)
        owner[$i] = name
        also[name] = also[name] " " $i
    }
    next
}
{
    split($1, where, ":"); n = split(where[1], path, "/"); object = path[n]
    split(object, part, "_"); module = part[2]
    stem = object; sub("^[^_]*_[^_]*_", "", stem); sub("[.]c[.]o$", "", stem)
    symbol = $NF; kind = $(NF - 1)
}
kind == "U" && symbol ~ /^(__)?(strcpy|strcat|strncpy|strncat|sprintf|vsprintf|strtok|atoi|atol|gets|gmtime|localtime|system|popen)(_chk)?(@.*)?$/ {
    bad(object ": calls " symbol)
}
kind == "T" {
    symbols++
    found = carries(module) || carries(stem) || carries(substr(stem, 1, index(stem "_", "_") - 1))
    count = split(also[module], prefix, " ")
    for (i = 1; i <= count; i++) found = found || carries(prefix[i])
    if (!found) bad(object ": " symbol " does not carry the name of '" module "'")
}
END { printf "symbols: %d functions, %d problems\n", symbols, problems + 0; exit problems > 0 || !symbols }
