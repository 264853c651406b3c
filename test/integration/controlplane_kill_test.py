"""kill -9 of the control plane at random moments: what it acknowledged is there afterwards."""

import http.client
import json
import random
import threading
import unittest

from harness.fleet_case import FleetCase

APPLIES = 200
WRITERS = 3
KILLS = 20


def call(i):
    """What apply number i changes: two resources that all calls share, so that each call's change
    of them leads from another's, and three of its own."""
    return [
        {"kind": "Upstream", "name": "shared", "description": "of %d" % i,
         "endpoints": [{"address": "10.0.0.1:80", "weight": i % 100 + 1}]},
        {"kind": "Route", "name": "shared", "description": "of %d" % i, "paths": ["/shared"],
         "upstream": "shared"},
        {"kind": "Upstream", "name": "u%d" % i, "endpoints": [{"address": "10.0.0.2:80"}]},
        {"kind": "Service", "name": "s%d" % i, "upstream": "u%d" % i},
        {"kind": "Route", "name": "r%d" % i, "paths": ["/r%d" % i], "service": "s%d" % i},
    ]


class Writers:
    """Threads that apply every call once, whether the control plane lives or not; each tries the
    next call only once it is up again."""

    def __init__(self, case):
        self._case = case
        self._lock = threading.Lock()
        self._next = 0
        self._begun = threading.Condition(self._lock)
        self.is_up = threading.Event()
        self.is_up.set()
        self.acknowledged = {}  # By number: the generation.
        self.unknown = []       # Whose answer the kill took.
        self.refused = []
        self._threads = [threading.Thread(target=self._run) for _ in range(WRITERS)]
        for thread in self._threads:
            thread.start()

    def _take(self):
        with self._lock:
            if self._next == APPLIES:
                return None
            self._next += 1
            self._begun.notify_all()
            return self._next - 1

    def _run(self):
        while True:
            self.is_up.wait()
            i = self._take()
            if i is None:
                return
            try:
                status, answer = self._case.post("/v1/apply?message=call%20" + str(i), call(i))
                if status == 200:
                    self.acknowledged[i] = answer["generation"]
                else:
                    self.refused.append((i, status, answer))
            except (OSError, http.client.HTTPException, json.JSONDecodeError):
                self.unknown.append(i)

    def wait_for_call(self, number):
        with self._lock:
            self._begun.wait_for(lambda: self._next >= number)

    def join(self):
        for thread in self._threads:
            thread.join()


class KillTest(FleetCase):
    proxies_at_start = 0

    def check(self, acknowledged):
        """Every acknowledged call is there, and every other as a whole or not at all; returns those
        that are there."""
        resources = self.json("/v1/all")["resources"]  # Of one moment: a writer may be at work.
        names = [(r["kind"], r["name"]) for r in resources]
        there = {i for i in range(APPLIES) if ("Upstream", "u%d" % i) in names}
        for kind, letter in (("Service", "s"), ("Route", "r")):
            self.assertEqual({i for i in range(APPLIES) if (kind, letter + str(i)) in names}, there)
        self.assertLessEqual(set(acknowledged), there)
        shared = {r["description"] for r in resources if r["name"] == "shared"}
        self.assertEqual(len(shared), 1, "both are of one call")
        return there

    def check_history(self, acknowledged, there):
        """One generation a call, of all that it changed, in one line without gaps."""
        commits = self.json("/v1/generations")["generations"]
        self.assertEqual([c["generation"] for c in commits], list(range(len(commits), 0, -1)))
        call_of = {int(c["message"].split()[1]): c for c in commits}
        self.assertEqual(set(call_of), there)
        for i, generation in acknowledged.items():
            self.assertEqual(call_of[i]["generation"], generation)
        for commit in commits:
            self.assertEqual(commit["created"] + commit["updated"], 5, commit)
        newest = commits[0]["message"].split()[1]
        self.assertEqual(self.json("/v1/routes/shared")["description"], "of " + newest)

    def test_every_acknowledged_apply_survives_kills_at_random_moments(self):
        chance = random.Random(3)
        moments = sorted(chance.sample(range(5, APPLIES - WRITERS), KILLS))
        writers = Writers(self)
        try:
            for moment in moments:
                writers.wait_for_call(moment)
                # Some die with the call just sent, some amid the commit, some about the answer.
                threading.Event().wait(chance.random() * 0.03)
                acknowledged = dict(writers.acknowledged)
                writers.is_up.clear()
                self.restart_control_plane()
                self.check(acknowledged)
                writers.is_up.set()
        finally:
            writers.is_up.set()
            writers.join()
        self.assertEqual(writers.refused, [])
        self.assertEqual(len(writers.acknowledged) + len(writers.unknown), APPLIES)
        self.assertLessEqual(len(writers.unknown), KILLS * WRITERS)
        self.restart_control_plane()
        there = self.check(writers.acknowledged)
        self.check_history(writers.acknowledged, there)
        print("%d acknowledged, %d cut, of which %d were committed" % (
            len(writers.acknowledged), len(writers.unknown),
            len(there.intersection(writers.unknown))))


if __name__ == "__main__":
    unittest.main()
