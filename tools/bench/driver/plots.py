"""Draws a Section's plots as SVG. Needs matplotlib; the tables do not."""

from __future__ import annotations

import pathlib
import statistics


def draw(folder: pathlib.Path, plots: dict[str, dict]) -> bool:
    """False if matplotlib is missing."""
    try:
        import matplotlib  # pylint: disable=import-outside-toplevel
    except ImportError:
        return False
    matplotlib.use("svg")
    # Text stays text, and the same figures give the same file.
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "sluice"})
    from matplotlib import pyplot  # pylint: disable=import-outside-toplevel
    for name, plot in plots.items():
        figure, axes = pyplot.subplots(figsize=(8, 4))
        _KINDS[plot["kind"]](axes, plot)
        axes.set_title(plot["title"])
        axes.grid(axis="y", alpha=0.3)
        figure.tight_layout()
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
        pyplot.close(figure)
    return True


def _bars(axes, plot):
    labels = list(plot["series"])
    medians = [statistics.median(values) for values in plot["series"].values()]
    low = [median - min(values) for median, values in zip(medians, plot["series"].values())]
    high = [max(values) - median for median, values in zip(medians, plot["series"].values())]
    axes.bar(labels, medians, yerr=[low, high], capsize=3)
    axes.set_ylabel(plot["ylabel"])
    axes.tick_params(axis="x", rotation=20)


def _lines(axes, plot):
    for label, points in plot["series"].items():
        axes.plot(*zip(*points), marker="o", label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(plot["xlabel"])
    axes.set_ylabel(plot["ylabel"])
    axes.legend()


def _latency(axes, plot):
    """Latency over the share of requests that are slower: the tail gets the room."""
    for label, buckets in plot["series"].items():
        total = sum(count for _, count in buckets)
        seen, xs, ys = 0, [], []
        for micros, count in buckets:
            seen += count
            slower = max(total - seen, 0.5) / total
            xs.append(1 / slower)
            ys.append(micros)
        axes.plot(xs, ys, label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks([2, 10, 100, 1000, 10000], ["50 %", "90 %", "99 %", "99.9 %", "99.99 %"])
    axes.set_xlabel("percentile")
    axes.set_ylabel("µs")
    axes.legend()


_KINDS = {"bars": _bars, "lines": _lines, "latency": _latency}
