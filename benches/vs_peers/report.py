"""Figures as tables."""
import math
import statistics

MEBIBYTE = 2**20
MODES = {"infer": "inference", "train": "training step"}


def geometric_mean(ratios):
    return math.exp(statistics.fmean(math.log(ratio) for ratio in ratios))


def best(figures, contenders, key):
    """The contender of a family with the least of a figure, or None: (its name, the figure)."""
    found = [(figures[name][key], name) for name in contenders if "failed" not in figures[name]]
    return min(found)[::-1] if found else None


def summary(case, families):
    """For each family its fastest, its ratio, and its least memory. PyTorch in bf16 is measured by this engine in bf16."""
    figures = case["peers"]
    rows = {}
    for family, contenders in families.items():
        ours = figures["ours:bf16" if family == "PyTorch bf16" else "ours"]
        fastest = best(figures, [name for name in contenders if name in figures], "ms")
        if fastest is None:
            continue
        least = best(figures, [name for name in contenders if name in figures], "peak")
        name, ms = fastest
        # Of each round by itself: what slows the machine for a while slows both.
        ratio = statistics.median(theirs / mine for theirs, mine in zip(figures[name]["rounds_ms"], ours["rounds_ms"]))
        rows[family] = {"fastest": name, "ms": ms, "ratio": ratio, "least": least[0], "peak": least[1], "memory_ratio": ours["peak"] / least[1]}
    return rows


def means(cases):
    """For each mode and family the geometric mean of ratios, their least, and of how many cases."""
    result = {}
    for case in cases:
        for family, row in case["summary"].items():
            result.setdefault(case["mode"], {}).setdefault(family, []).append(row["ratio"])
    return {
        mode: {family: {"mean": geometric_mean(ratios), "least": min(ratios), "cases": len(ratios)} for family, ratios in families.items()}
        for mode, families in result.items()
    }


def setting(name):
    """What of a contender's name its family does not say already."""
    return f", {name.split(':', 1)[1]}" if ":" in name else ""


def tables(cases, families):
    """Markdown: a table of times and one of memory for each mode, and what is missing."""
    lines = []
    overall = means(cases)
    for mode, title in MODES.items():
        group = [case for case in cases if case["mode"] == mode]
        shown = [family for family in families if any(family in case["summary"] for case in group)]
        if not group:
            continue
        lines += ["", f"{title}: ms, and in brackets theirs / ours (above 1, ours is faster)", ""]
        lines += ["| " + " | ".join(["network", "batch", "ours", *shown]) + " |", "|---" * (3 + len(shown)) + "|"]
        for case in group:
            cells = [f"{case['peers']['ours']['ms']:.3g}"]
            for family in shown:
                row = case["summary"].get(family)
                cells.append(f"{row['ms']:.3g} ({row['ratio']:.2f}{setting(row['fastest'])})" if row else "–")
            lines.append(f"| {case['network']} | {case['batch']} | {' | '.join(cells)} |")
        cells = [f"**{overall[mode][family]['mean']:.2f}**, least {overall[mode][family]['least']:.2f}" for family in shown]
        if shown:
            lines.append(f"| geometric mean | | | {' | '.join(cells)} |")
        lines += ["", f"{title}: by how much the process grows at its largest, MiB, and in brackets ours / theirs", ""]
        lines += ["| " + " | ".join(["network", "batch", "planned", "ours", *shown]) + " |", "|---" * (4 + len(shown)) + "|"]
        for case in group:
            ours = case["peers"]["ours"]
            cells = [f"{ours[key] / MEBIBYTE:.0f}" for key in ("planned", "peak")]
            for family in shown:
                row = case["summary"].get(family)
                cells.append(f"{row['peak'] / MEBIBYTE:.0f} ({row['memory_ratio']:.2f}{setting(row['least'])})" if row else "–")
            lines.append(f"| {case['network']} | {case['batch']} | {' | '.join(cells)} |")
    missing = {}
    for case in cases:
        for name, figures in case["peers"].items():
            if "failed" in figures:
                missing.setdefault((name, figures["failed"]), []).append(f"{case['network']} {case['mode']} {case['batch']}")
    if missing:
        lines += ["", "without figures:"]
        lines += [f"- {name}, {reason}: {', '.join(where)}" for (name, reason), where in missing.items()]
    return "\n".join(lines)


def precisions(result, settings, wanted):
    """What cuda.py found as Markdown, a line for each case and precision, and what is missing."""
    machine = result["machine"]
    lines = ["", f"{result['date']}, {machine.get('gpu', machine['processor'])}, driver {machine.get('driver', 'none')}, PyTorch {machine['pytorch']}, "]
    lines[-1] += f"torchvision {machine['torchvision']}, CUDA {machine['cuda']}, cuDNN {machine['cudnn']}; {result['took_s']:.0f} s"
    missing = []
    for mode, title in MODES.items():
        group = [case for case in result["cases"] if case["mode"] == mode]
        rows, ratios = [], {}
        for case in group:
            for precision in wanted:
                found = case["found"].get(precision, {})
                missing += [f"{case['network']} {mode} {case['batch']} {precision}, {name}: {its['failed']}" for name, its in found.items() if "failed" in its]
                row = precision_row(case, precision, found, settings, ratios)
                rows += [row] if row else []
        if rows:
            heads = ["network", "batch", "precision", "ours", *settings, "theirs / ours", "fed", "MiB ours: planned, held", "theirs: reserved, held"]
            lines += ["", f"{title}: ms, and in brackets when fed from the host; the fastest of theirs over ours (above 1, ours is faster)", ""]
            lines += ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|", *rows]
            for precision, pairs in ratios.items():
                resident, fed = (geometric_mean(column) for column in zip(*pairs))
                lines.append(f"| geometric mean | | {precision} | |{' |' * len(settings)} **{resident:.2f}** | {fed:.2f} | | |")
    for title, those in (("without figures", missing), ("skipped", result["skipped"])):
        if those:
            lines += ["", f"{title}:", *(f"- {each}" for each in those)]
    return "\n".join(lines)


def precision_row(case, precision, found, settings, ratios):
    """A line of the table, or None where nothing was measured; its ratios are added to those of the precision."""
    theirs = {name: found[name] for name in settings if "resident" in found.get(name, {})}
    ours = found.get("ours", {})
    if not theirs and "ms" not in ours:
        return None
    mib = lambda figures, *keys: ", ".join(f"{figures[key] / MEBIBYTE:.0f}" if figures.get(key) else "–" for key in keys)
    cells = [case["network"], str(case["batch"]), precision, f"{ours['ms']:.4g}" if "ms" in ours else "–"]
    cells += [f"{theirs[name]['resident']:.4g} ({theirs[name]['fed']:.4g})" if name in theirs else "–" for name in settings]
    fastest = {way: min(theirs.values(), key=lambda its: its[way], default={}) for way in ("resident", "fed")}
    # Ours is what it was in the turns between theirs, where it was.
    pair = [its[way] / its.get("ours", ours["ms"]) if its and "ms" in ours else None for way, its in fastest.items()]
    if pair[0]:
        ratios.setdefault(precision, []).append(pair)
    cells += [f"{ratio:.2f}" if ratio else "–" for ratio in pair]
    cells += [mib(ours, "planned", "held"), mib(fastest["resident"], "reserved", "held")]
    return "| " + " | ".join(cells) + " |"
