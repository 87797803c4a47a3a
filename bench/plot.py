"""Draws the JSON of a run: a PNG of four panels, or an SVG of the search part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

COLOURS = {
    "omendb": "#0b7285",
    "faiss": "#e8590c",
    "hnswlib": "#5f3dc4",
    "hnsw": "#c2255c",
    "usearch": "#868e96",
}
LABELS = {
    "omendb": "OmenDB",
    "faiss": "faiss, flat",
    "hnswlib": "hnswlib, flat",
    "hnsw": "hnswlib, HNSW graph",
    "usearch": "usearch, exact",
}


def _recall_against_time(axes: Any, result: dict[str, Any]) -> None:
    recall = f"recall@{result['k']}"
    for row in result["search"]:
        for key, marker in (("single_us", "o"), ("batch_us", "s")):
            time = row[key]
            error = [[time["median"] - time["low"]], [time["high"] - time["median"]]]
            colour = COLOURS[row["engine"]]
            axes.errorbar(time["median"], row[recall], xerr=error, fmt=marker, color=colour)
    for name in dict.fromkeys(row["engine"] for row in result["search"]):
        axes.plot([], [], "o", color=COLOURS[name], label=name)
    axes.plot([], [], "ko", label="one at a time")
    axes.plot([], [], "ks", label="in one call")
    axes.set(xscale="log", xlabel="µs a query", ylabel=recall, title="Search, one thread")
    axes.legend(fontsize=7)


def _add_rates(axes: Any, rows: list[dict[str, Any]]) -> None:
    labels = [f"{row['mode']}\n{row['threads']} thread(s)" for row in rows]
    rates = [row["vectors_per_second"] for row in rows]
    medians = [rate["median"] for rate in rates]
    error = [
        [rate["median"] - rate["low"] for rate in rates],
        [rate["high"] - rate["median"] for rate in rates],
    ]
    colours = ["#868e96" if row["mode"].startswith("bare") else COLOURS["omendb"] for row in rows]
    axes.barh(labels, medians, xerr=error, color=colours)
    axes.invert_yaxis()
    axes.tick_params(axis="y", labelsize=7)
    axes.set(xlabel="vectors/s", title="Add, batches of 1,000")


def _footprint(axes: Any, rows: list[dict[str, Any]]) -> None:
    names = [row["engine"] for row in rows]
    places = range(len(names))
    for offset, key, label in (
        (-0.27, "disk_bytes", "on disk"),
        (0.0, "resident_after_build", "resident after build"),
        (0.27, "resident_after_open", "resident after reopening"),
    ):
        values = [row[key] / row["vectors"] for row in rows]
        axes.bar([place + offset for place in places], values, width=0.25, label=label)
    axes.set_xticks(list(places), names)
    axes.set(ylabel="bytes a vector", title="Footprint")
    axes.legend(fontsize=7)


def _latencies(axes: Any, mixed: dict[str, Any]) -> None:
    keys = ["p50", "p90", "p99", "max"]
    for offset, label in ((-0.2, "idle"), (0.2, "while adding")):
        places = [place + offset for place in range(len(keys))]
        axes.bar(places, [mixed[label][key] for key in keys], width=0.38, label=label)
    axes.axhline(mixed["add_ms"]["p50"], color="black", ls="--", lw=1, label="median durable add")
    axes.set_xticks(range(len(keys)), keys)
    axes.set(yscale="log", ylabel="ms", title="Searches in two threads beside a writer")
    axes.legend(fontsize=7)


def draw_search(result: dict[str, Any], path: Path) -> None:
    """Recall against the time of a query that comes alone, for a page of text: an SVG whose bytes
    depend on the figures alone."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "omendb"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4), constrained_layout=True)
    for name in dict.fromkeys(row["engine"] for row in result["search"]):
        rows = [row for row in result["search"] if row["engine"] == name]
        rows.sort(key=lambda row: row["single_us"]["median"])
        axes.plot(
            [row["single_us"]["median"] for row in rows],
            [row[f"recall@{result['k']}"] for row in rows],
            "o-" if len(rows) > 1 else "o",
            color=COLOURS[name],
            label=LABELS[name],
        )
    axes.set(
        xscale="log",
        xlabel="µs a query, one at a time on one core (left is faster)",
        ylabel=f"recall@{result['k']}",
        title=f"{result['data']}: {result['vectors']:,} vectors of {result['dim']} dimensions",
    )
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="lower right")
    figure.savefig(path, metadata={"Date": None})


def draw(result: dict[str, Any], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(2, 2, figsize=(12, 8), constrained_layout=True)
    drawings = {
        "search": lambda axes: _recall_against_time(axes, result),
        "add": lambda axes: _add_rates(axes, result["add"]),
        "footprint": lambda axes: _footprint(axes, result["footprint"]),
        "mixed": lambda axes: _latencies(axes, result["mixed"]),
    }
    for axes, (part, drawing) in zip(panels.flat, drawings.items(), strict=True):
        if part in result:
            drawing(axes)
        else:
            axes.axis("off")
    environment = result["environment"]
    figure.suptitle(
        f"{result['data']}, {result['vectors']:,} vectors; {environment['cpu']},"
        f" OmenDB on {environment['omendb_isa']}"
    )
    figure.savefig(path, dpi=130)
