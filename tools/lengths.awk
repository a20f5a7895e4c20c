# awk -f lengths.awk FILE...: files of at most 600 lines, functions 70, lines 100 columns; 25 files a folder.
# A function's body lies between a brace in the first column and its partner, as clang-format puts them.
function bad(text) { print text; problems++ }
function finish() { if (file != "" && lines > 600) bad(file ": " lines " lines") }
FNR == 1 {
    finish()
    file = FILENAME; lines = 0; begin = 0; files++
    folder = file; sub("/[^/]*$", "", folder)
    if (++in_folder[folder] == 26) bad(folder ": more than 25 files")
}
{ lines = FNR }
/[^\001-\177]/ { gsub(/[\200-\277]/, "") }
length($0) > 100 { bad(file ":" FNR ": " length($0) " columns") }
/^\{/ { begin = FNR }
/^\}/ && begin { if (FNR - begin - 1 > 70) bad(file ":" begin ": function of " FNR - begin - 1 " lines"); begin = 0 }
END { finish(); printf "lengths: %d files, %d problems\n", files, problems + 0; exit problems > 0 }
