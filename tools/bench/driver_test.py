"""Of the bench driver: what it computes and writes; the proxies need a machine of their own."""

import json
import pathlib
import unittest

from driver import envoy_config, measure, peers, report, site, sluice_peer, statistics_of


class StatisticsTest(unittest.TestCase):

    def test_the_interval_of_equal_ratios_is_a_point(self):
        found = statistics_of.paired_ratio([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])
        self.assertEqual((found["low"], found["median"], found["high"]), (2.0, 2.0, 2.0))

    def test_the_interval_holds_the_median_and_stays_within_the_data(self):
        low, high = statistics_of.bootstrap_interval([1.0, 1.1, 1.2, 1.3, 9.0])
        self.assertTrue(1.0 <= low <= 1.2 <= high <= 9.0)

    def test_a_quantile_is_a_value_that_was_seen(self):
        values = [5.0, 1.0, 3.0, 2.0]
        self.assertEqual(statistics_of.quantile(values, 0.5), 2.0)
        self.assertEqual(statistics_of.quantile(values, 0.9), 5.0)
        self.assertEqual(statistics_of.quantile(values, 0.0), 1.0)

    def test_disturbed_runs_are_left_out_where_calm_ones_remain(self):
        runs = [{"rps": 1.0, "disturbed": True}, {"rps": 5.0}]
        self.assertEqual(measure.values_of(runs, "rps"), [5.0])
        self.assertEqual(measure.values_of(runs[:1], "rps"), [1.0])


class SiteTest(unittest.TestCase):

    def test_every_route_has_a_path_that_only_it_serves(self):
        routes = site.literal_and_pattern_routes(100)
        self.assertEqual(len({route.path for route in routes}), 100)
        paths = site.request_paths(routes)
        for number, route in enumerate(routes):
            literal = route.path.partition("{")[0]
            self.assertEqual({path.startswith(literal) for path in paths[number * 16:][:16]}, {True})

    def test_an_unknown_feature_is_refused(self):
        with self.assertRaises(ValueError):
            site.Site("x", features=frozenset({"cache"}))


class ConfigurationTest(unittest.TestCase):

    def setUp(self):
        self.home = pathlib.Path("/tmp/bench")
        self.everything = site.Site("all", features=frozenset(site.FEATURES))

    def test_each_proxy_writes_every_feature(self):
        nginx = peers.Nginx().files(self.everything, 1, 2, self.home)["nginx.conf"]
        haproxy = peers.Haproxy().files(self.everything, 1, 2, self.home)["haproxy.cfg"]
        sluice = sluice_peer.Sluice(pathlib.Path("x")).files(self.everything, 1, 2, self.home)
        for text in (nginx, haproxy, sluice["sluice.yaml"]):
            self.assertIn(site.API_KEY, text)
            self.assertIn("127.0.0.0/8", text)
            self.assertIn("X-Served-By", text)

    def test_each_proxy_speaks_what_its_site_asks_for(self):
        wanted = site.Site("grpc", tls="ecdsa", http2=True, grpc=True)
        nginx = peers.Nginx().files(wanted, 1, 2, self.home)
        haproxy = peers.Haproxy().files(wanted, 1, 2, self.home)
        sluice = sluice_peer.Sluice(pathlib.Path("x")).files(wanted, 1, 2, self.home)
        envoy = envoy_config.files(wanted, 1, 2, self.home, False)
        self.assertIn("listen 127.0.0.1:1 ssl http2", nginx["nginx.conf"])
        self.assertIn("grpc_pass", nginx["nginx.conf"])
        self.assertIn("alpn h2", haproxy["haproxy.cfg"])
        self.assertIn("proto h2", haproxy["haproxy.cfg"])
        self.assertIn("protocol: http2", sluice["sluice.yaml"])
        self.assertIn("BEGIN CERTIFICATE", sluice["sluice.yaml"])
        self.assertIn("http2_protocol_options", envoy["envoy.json"])
        for files in (nginx, haproxy, envoy):
            self.assertIn("PRIVATE KEY", files["key.pem"])

    def test_envoys_tree_and_list_hold_every_route(self):
        wanted = site.Site("routes", site.literal_and_pattern_routes(4))
        for tree in (False, True):
            text = json.dumps(envoy_config.route_file(wanted, tree, 0))
            for route in wanted.routes:
                self.assertIn(route.path.partition("{")[0], text)


class ReportTest(unittest.TestCase):

    def test_a_section_replaces_only_itself(self):
        document = report.replace_between_markers("# Performance\n\nkept\n", "W1", "one")
        document = report.replace_between_markers(document, "W2", "two")
        document = report.replace_between_markers(document, "W1", "three \\1")
        self.assertIn("kept", document)
        self.assertIn("two", document)
        self.assertIn("three \\1", document)
        self.assertNotIn("one", document)

    def test_a_table_has_a_column_for_every_header(self):
        self.assertEqual(report.table(["a", "b"], [["1", "2"]]),
                         "| a | b |\n|---|---:|\n| 1 | 2 |")


if __name__ == "__main__":
    unittest.main()
