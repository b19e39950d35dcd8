"""Showing the results: the table, the reasons, the plot."""
import os
import platform
import subprocess

WIDTHS = "%-20s %-24s %14s %14s %14s  %-14s %s"


def machine():
    model = ""
    with open("/proc/cpuinfo", encoding="utf-8") as text:
        for line in text:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return "%s, %d processors, Linux %s" % (model or platform.machine(), os.cpu_count() or 0, platform.release())


def number(value):
    if value >= 1000:
        return "{:,.0f}".format(value)
    return "%.4g" % value


def ratio(line, lines):
    """How much better weir is; 1.00 is as good."""
    own = [one for one in lines if one["stack"] == "weir" and one["figure"] == line["figure"] and one["row"] == line["row"]]
    if not own or line["stack"] == "weir" or not line["is_compared"] or not line["median"] or not own[0]["median"]:
        return None
    value = own[0]["median"] / line["median"]
    return 1 / value if line["is_less_better"] else value


def show_row(row, lines, is_first):
    if is_first:
        print(machine())
        print(WIDTHS % ("row", "stack", "median", "min", "max", "unit", "weir is"))
    print("%s: %s" % (row.name, row.title))
    for line in lines:
        better = ratio(line, lines)
        print(WIDTHS % ("", line["stack"], number(line["median"]), number(line["min"]), number(line["max"]), line["unit"],
                        "" if better is None else "%.2f x" % better), flush=True)


def show_end(remarks, failures):
    if remarks:
        print("\nleft out or different:")
        for why, names in remarks.items():
            print("  %s (%s)" % (why, ", ".join(names)))
    for failure in failures:
        print("FAILED %s" % failure)


def plot(lines, path):
    """Bars of weir's ratio to each peer, one for each row: a gnuplot script fed by its standard input."""
    bars = [("%s / %s" % (line["row"], line["stack"]), ratio(line, lines)) for line in lines]
    bars = [(name, value) for name, value in bars if value is not None and "segments" not in name]
    seen, kept = set(), []
    for name, value in bars:
        if name not in seen:
            kept.append((name, value))
            seen.add(name)
    data = "".join('"%s" %g %d\n' % (name, value, len(kept) - 1 - i) for i, (name, value) in enumerate(kept))
    script = """set terminal svg size 900,%d font "sans,12" background "white"
set output "%s"
set title "weir beside its peers: ratio of medians, more than 1 is better"
set logscale x 2
set xrange [0.05:*]
set yrange [-0.7:%g]
set grid x
set lmargin 36
set style fill solid 0.8
unset key
$bars << END
%sEND
set arrow from 1,-0.7 to 1,%g nohead lw 2 front
plot $bars using (sqrt(0.05*$2)):3:(0.05):2:($3-0.35):($3+0.35):ytic(1) with boxxyerror lc rgb "#3465a4"
""" % (90 + 26 * len(kept), path, len(kept) - 0.3, data, len(kept) - 0.3)
    subprocess.run(["gnuplot"], input=script, text=True, check=True)
