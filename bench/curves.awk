# curves.awk sigma.tsv > growth.svg: CPU time of an event by the number of rules, from what bench/sigma.sh
# wrote. x is logarithmic from 100 to 10,000 rules, y linear from nothing. (mawk or gawk)
function x(rules) { return left + width * (log(rules) / log(10) - 2) / 2 }
function y(us) { return top + height * (1 - us / us_max) }
function note(label, rules, us) {
    if (!(label in count)) order[++series] = label
    at = ++count[label]
    rules_of[label, at] = rules
    us_of[label, at] = us
    if (us > highest) highest = us
}
BEGIN {
    FS = "\t"
    left = 60; top = 20; width = 560; height = 300
    split("#1b6ca8 #c1440e #2e7d32 #6a1b9a", colours, " ")
    names["real"] = "SigmaHQ's rules, real Windows events, values seen before"
    names["real-distinct"] = "the same, every value new"
    names["synthetic"] = "generated rules, every value new"
    names["synthetic-negations"] = "the same, a tenth with negations alone"
}
$1 == "real-hundred" || $1 == "real-windows" {
    if ($2 == "real-warm") note("real", $3, 1e6 / $6)
}
$1 == "real-hundred-distinct" || $1 == "real-windows-distinct" { note("real-distinct", $3, 1e6 / $6) }
$1 == "synthetic" || $1 == "synthetic-negations" { note($1, $3, 1e6 / $6) }
END {
    us_max = int(highest * 1.15) + 1
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 %d\" font-family=\"sans-serif\" font-size=\"12\">\n", top + height + 50 + 18 * series
    print "<title>CPU time of an event by number of rules</title>"
    printf "<rect width=\"640\" height=\"%d\" fill=\"#ffffff\"/>\n", top + height + 50 + 18 * series
    for (us = 0; us <= us_max; us += us_max > 6 ? 2 : 1)
        printf "<path d=\"M%d %.1fh%d\" stroke=\"#dddddd\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%d µs</text>\n", left, y(us), width, left - 6, y(us) + 4, us
    split("100 300 1000 3000 10000", ticks, " ")
    for (tick = 1; tick in ticks; tick++)
        printf "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%d</text>\n", x(ticks[tick]), top + height + 18, ticks[tick]
    printf "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">rules</text>\n", left + width / 2, top + height + 34
    for (number = 1; number <= series; number++) {
        label = order[number]
        path = ""
        for (at = 1; at <= count[label]; at++) {
            path = path sprintf("%s%.1f %.1f", at == 1 ? "M" : "L", x(rules_of[label, at]), y(us_of[label, at]))
            printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", x(rules_of[label, at]), y(us_of[label, at]), colours[number]
        }
        printf "<path d=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>\n", path, colours[number]
        printf "<text x=\"%d\" y=\"%d\" fill=\"%s\">%s</text>\n", left, top + height + 50 + 18 * number - 10, colours[number], names[label]
    }
    print "</svg>"
}
