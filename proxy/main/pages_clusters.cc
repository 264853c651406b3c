// The page /clusters: what the workers have, and what the control thread knows of its health.

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "proxy/main/json.h"
#include "proxy/main/pages.h"

namespace sluice::main {
namespace {

using server::Page;

constexpr size_t kPieceBytes = size_t{64} * 1024;

struct ClusterInfo {
  std::shared_ptr<const upstream::Settings> settings;
  std::shared_ptr<const upstream::EndpointSet> endpoints;
};

std::string LabelsJson(const upstream::Labels& labels) {
  std::vector<std::string> items;
  for (const auto& [name, value] : labels) {
    items.push_back(absl::StrCat(JsonString(name), ":", JsonString(value)));
  }
  return absl::StrCat("{", absl::StrJoin(items, ","), "}");
}

std::string HealthJson(uint32_t flags,
                       const std::optional<upstream::health::EndpointReport>& report) {
  std::string json = absl::StrCat(",\"health\":", JsonString(upstream::health::FlagNames(flags)));
  if (!report) return json;
  absl::StrAppend(
      &json, ",\"since\":",
      JsonString(absl::FormatTime(absl::RFC3339_sec, report->since, absl::UTCTimeZone())));
  if (report->is_checked) absl::StrAppend(&json, ",\"last_error\":", JsonString(report->error));
  if (!report->ejected_why.empty()) {
    absl::StrAppend(
        &json, ",\"ejected_by\":", JsonString(report->ejected_why), ",\"ejected_for\":",
        JsonString(absl::FormatDuration(absl::Trunc(report->ejected_for, absl::Seconds(1)))));
  }
  return json;
}

// Formats clusters one after the other, some endpoints at a time.
class ClustersJson {
 public:
  ClustersJson(std::vector<ClusterInfo> clusters, const upstream::health::HealthMonitor& health)
      : clusters_(std::move(clusters)), health_(health) {}

  // As Page::next.
  bool Next(std::string& out) {
    const size_t end = out.size() + kPieceBytes;
    if (!std::exchange(has_begun_, true)) out += "{\"clusters\":[";
    while (out.size() < end) {
      if (cluster_ == clusters_.size()) {
        out += "]}\n";
        return false;
      }
      Step(clusters_[cluster_], out);
    }
    return true;
  }

 private:
  // An endpoint, or what stands around them.
  void Step(const ClusterInfo& cluster, std::string& out) {
    const auto& endpoints = cluster.endpoints->endpoints;
    if (endpoint_ == 0) {
      absl::StrAppend(
          &out, cluster_ == 0 ? "" : ",", "{\"name\":", JsonString(cluster.settings->name),
          ",\"connections\":", cluster.settings->breaker->connections.value(), ",\"endpoints\":[");
    }
    if (endpoint_ < endpoints.size()) {
      if (endpoint_ > 0) out += ",";
      AppendEndpoint(cluster.settings->name, *endpoints[endpoint_++], out);
    }
    if (endpoint_ < endpoints.size()) return;
    out += "]}";
    ++cluster_;
    endpoint_ = 0;
  }

  void AppendEndpoint(const std::string& upstream, const upstream::Endpoint& endpoint,
                      std::string& out) const {
    absl::StrAppend(
        &out, "{\"name\":", JsonString(endpoint.name),
        ",\"address\":", JsonString(endpoint.address.ToString()), ",\"weight\":", endpoint.weight,
        ",\"priority\":", endpoint.priority, ",\"zone\":", JsonString(endpoint.zone),
        ",\"labels\":", LabelsJson(endpoint.labels),
        HealthJson(endpoint.health->flags(), health_.Find(upstream, endpoint.address)), "}");
  }

  const std::vector<ClusterInfo> clusters_;
  const upstream::health::HealthMonitor& health_;
  bool has_begun_ = false;
  // What comes next.
  size_t cluster_ = 0;
  size_t endpoint_ = 0;
};

}  // namespace

void Pages::Clusters(absl::AnyInvocable<void(Page)> done) {
  struct Collected {
    size_t left;
    std::map<std::string, ClusterInfo> clusters;
    absl::AnyInvocable<void(Page)> done;
  };
  auto collected = std::make_shared<Collected>();
  collected->left = workers_.size();
  collected->done = std::move(done);
  for (server::Worker* worker : workers_) {
    worker->PostFromAnyThread([this, worker, collected] {
      std::vector<ClusterInfo> mine;
      for (const upstream::ClusterRef& cluster : worker->exchange_worker().clusters) {
        if (cluster) mine.push_back({cluster->shared_settings(), cluster->shared_endpoints()});
      }
      loop_.PostFromAnyThread([this, collected, mine = std::move(mine)]() mutable {
        for (ClusterInfo& info : mine) {
          collected->clusters[info.settings->name] = std::move(info);
        }
        if (--collected->left > 0) return;
        std::vector<ClusterInfo> clusters;
        for (auto& [name, info] : collected->clusters) clusters.push_back(std::move(info));
        auto json = std::make_unique<ClustersJson>(std::move(clusters), sources_.health);
        collected->done({200, "application/json", "",
                         [json = std::move(json)](std::string& body) { return json->Next(body); }});
      });
    });
  }
}

}  // namespace sluice::main
