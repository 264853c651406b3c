#include "tools/bench/hairpin/report.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace sluice::hairpin {
namespace {

std::string LatencyJson(const Histogram& latency) {
  std::string text =
      absl::StrFormat("{\"count\": %d, \"mean\": %.1f", latency.count(), latency.Mean() / 1e3);
  constexpr std::pair<const char*, double> kQuantiles[] = {
      {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}};
  for (const auto& [name, quantile] : kQuantiles) {
    absl::StrAppendFormat(&text, ", \"%s\": %.1f", name,
                          static_cast<double>(latency.Quantile(quantile)) / 1e3);
  }
  absl::StrAppendFormat(&text, ", \"max\": %.1f}", static_cast<double>(latency.max()) / 1e3);
  return text;
}

std::string FailuresJson(const LoadTally& tally) {
  std::string text = absl::StrCat("{\"total\": ", tally.failures());
  for (size_t i = 0; i < kFailureNames.size(); ++i) {
    absl::StrAppend(&text, ", \"", kFailureNames[i], "\": ", tally.failed[i]);
  }
  return text + "}";
}

std::string HistogramJson(const Histogram& latency) {
  return absl::StrCat("[",
                      absl::StrJoin(latency.Buckets(), ", ",
                                    [](std::string* out, const auto& bucket) {
                                      absl::StrAppendFormat(out, "[%.3f, %d]",
                                                            static_cast<double>(bucket.first) / 1e3,
                                                            bucket.second);
                                    }),
                      "]");
}

}  // namespace

std::string ReportJson(const RunResult& result) {
  const LoadTally& client = *result.client;
  const double completed = static_cast<double>(client.completed);
  const auto per_request = [completed](uint64_t micros) {
    return completed == 0 ? 0 : static_cast<double>(micros) / completed;
  };
  std::string text = absl::StrFormat(
      "{\"requests\": %d, \"begun\": %d, \"seconds\": %.3f, \"rps\": %.1f, \"failures\": %s, "
      "\"unfinished\": %d, \"latency_us\": %s, ",
      client.completed, result.begun, result.seconds, completed / result.seconds,
      FailuresJson(client), result.unfinished, LatencyJson(client.latency));
  absl::StrAppendFormat(
      &text,
      "\"cpu\": {\"watched_us\": %d, \"us_per_request\": %.3f, \"hairpin_us_per_request\": %.3f}, "
      "\"connections_opened\": %d, \"tls_resumed\": %d, \"closed_while_idle\": %d, "
      "\"longest_queue\": %d",
      result.watched_cpu_micros, per_request(result.watched_cpu_micros),
      per_request(result.own_cpu_micros), client.connections, result.tls_resumed,
      client.closed_while_idle, client.longest_queue);
  if (result.upstream != nullptr) {
    absl::StrAppendFormat(
        &text, ", \"upstream\": {\"requests\": %d, \"connections\": %d, \"broken\": %d}",
        result.upstream->requests, result.upstream->connections, result.upstream->broken);
  }
  if (result.with_histogram) {
    absl::StrAppend(&text, ", \"histogram_us\": ", HistogramJson(client.latency));
  }
  return text + "}";
}

}  // namespace sluice::hairpin
