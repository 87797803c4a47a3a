#!/usr/bin/env python3
"""Measures OmenDB beside its peers, end to end; see bench/README.md.

make bench ARGS="--help"
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import engines
import environment
import parts
import plot
import promises

OUT = Path(__file__).parent / "out"
PARTS = ["add", "search", "footprint", "collections", "mixed", "promises"]


def in_child(work: Callable[..., Any], *arguments: object) -> Any:
    """Runs `work` in a fresh process, whose memory and threads are its own."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn) as pool:
        return pool.submit(work, *arguments).result()


def footprint(plan: parts.Plan) -> list[parts.Json]:
    rows = []
    for name in plan.engines:
        with plan.scratch() as folder:
            row = in_child(parts.measure_build, plan, name, folder / name)
            rows.append(row | in_child(parts.measure_reopen, plan, name, folder / name))
    return rows


def print_row(label: str, *figures: str) -> None:
    print(f"  {label:<28}" + "".join(f"{figure:>30}" for figure in figures), flush=True)


def spread(values: dict[str, float], unit: str) -> str:
    return f"{values['median']:,.1f} ({values['low']:,.1f}-{values['high']:,.1f}) {unit}"


def report_add(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        rate = row["vectors_per_second"]
        figures = f"{rate['median']:,.0f} vectors/s", f"{rate['low']:,.0f}-{rate['high']:,.0f}"
        print_row(f"{row['mode']}, {row['threads']} thread(s)", *figures)


def report_search(rows: list[dict[str, Any]], k: int) -> None:
    print_row("", "one query", "a query of a batch", f"recall@{k}")
    for row in rows:
        print_row(
            f"{row['engine']}, {row['mode']}",
            spread(row["single_us"], "µs"),
            spread(row["batch_us"], "µs"),
            f"{row[f'recall@{k}']:.4f}",
        )


def report_footprint(rows: list[dict[str, Any]]) -> None:
    print_row("", "disk", "resident, built", "resident, reopened", "reopened in")
    for row in rows:
        sizes = [row[key] for key in ("disk_bytes", "resident_after_build", "resident_after_open")]
        figures = [f"{size / 1e6:,.1f} MB" for size in sizes]
        print_row(row["engine"], *figures, f"{row['reopen_ms']:,.1f} ms")


def report_collections(found: dict[str, Any]) -> None:
    for name, figures in found["ms"].items():
        print_row(name.replace("_", " "), spread(figures, "ms"))
    print_row("log of an idle database", f"{found['idle_log_bytes'] / 1e6:,.1f} MB")


def report_mixed(mixed: dict[str, Any]) -> None:
    print_row("", "p50", "p90", "p99", "max")
    for label in ("idle", "while adding", "add_ms"):
        print_row(label, *[f"{value:,.3f} ms" for value in mixed[label].values()])


def report_promises(found: dict[str, list[dict[str, Any]]]) -> None:
    print_row("recall", "asked for", "found", "CPU time a query")
    for row in found["recall"]:
        figures = f"{row['asked']:.2f}", f"{row['recall']:.3f}", f"{row['microseconds']:,.0f} µs"
        print_row(row["shape"], *figures)
    print_row("plan, CPU time a query", "planned", "by codes", "measuring all")
    for row in found["plans"]:
        label = f"{row['rows']:,} x {row['dim']}, batch {row['batch']}"
        print_row(label, *[f"{each:,.0f} µs" for each in row["microseconds"].values()])
    print_row("exact cosine", "float64's top ten")
    for row in found["order"]:
        print_row(f"{row['dim']}-d, spread {row['spread']}", f"{row['share']:.1%}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="vectors to add (default: the repository's)")
    parser.add_argument("--queries", type=Path)
    parser.add_argument("--truth", type=Path, help="ids of the true neighbours, nearest first")
    parser.add_argument("--name", help="of the files in bench/out")
    parser.add_argument("--limit", type=int, help="use only the first vectors of --data")
    parser.add_argument("--max-queries", type=int, default=1_000)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--round-seconds", type=float, default=0.3)
    parser.add_argument("--add-count", type=int, default=50_000)
    parser.add_argument("--mixed-seconds", type=float, default=5.0)
    parser.add_argument("--engines", nargs="+", choices=engines.NAMES, default=engines.NAMES)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--folder", type=Path, default=OUT / "scratch", help="where databases go")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--figure", type=Path, help="an SVG of the search part alone")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    fields = parts.Plan.__dataclass_fields__
    plan = parts.Plan(**{name: getattr(arguments, name) for name in fields})
    data = plan.load()
    result: dict[str, Any] = {
        "environment": environment.describe(),
        "data": arguments.name or data.name,
        "vectors": len(data.base),
        "dim": data.base.shape[1],
        "k": plan.k,
    }
    where = result["environment"]
    print(f"{result['data']}: {result['vectors']:,} x {result['dim']}, f32; {where['cpu']},"
          f" OmenDB on {where['omendb_isa']}")  # fmt: skip
    work: dict[str, tuple[Callable[[], Any], Callable[[Any], None]]] = {
        "add": (lambda: in_child(parts.measure_add, plan), report_add),
        "search": (
            lambda: in_child(parts.measure_search, plan),
            lambda rows: report_search(rows, plan.k),
        ),
        "footprint": (lambda: footprint(plan), report_footprint),
        "collections": (lambda: in_child(parts.measure_collections, plan), report_collections),
        "mixed": (lambda: in_child(parts.measure_mixed, plan), report_mixed),
        "promises": (
            lambda: in_child(promises.measure_promises, plan.k, plan.rounds),
            report_promises,
        ),
    }
    for part in arguments.parts:
        print(f"\n{part}", flush=True)
        measured, report = work[part]
        result[part] = measured()
        report(result[part])

    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / f"{result['data']}.json"
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(f"\n{path}")
    try:
        plot.draw(result, path.with_suffix(".png"))
        print(path.with_suffix(".png"))
        if arguments.figure:
            plot.draw_search(result, arguments.figure)
            print(arguments.figure)
    except ImportError:
        print("no plot: matplotlib is not installed (make bench installs it)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
