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

struct ClusterInfo {
  std::shared_ptr<const upstream::EndpointSet> endpoints;
  size_t connections = 0;
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

}  // namespace

std::string Pages::EndpointsJson(const std::string& upstream,
                                 const upstream::EndpointSet& set) const {
  std::vector<std::string> items;
  for (const upstream::Endpoint& endpoint : set.endpoints) {
    items.push_back(absl::StrCat(
        "{\"name\":", JsonString(endpoint.name),
        ",\"address\":", JsonString(endpoint.address.ToString()), ",\"weight\":", endpoint.weight,
        ",\"priority\":", endpoint.priority, ",\"zone\":", JsonString(endpoint.zone),
        ",\"labels\":", LabelsJson(endpoint.labels),
        HealthJson(endpoint.health->flags(), sources_.health.Find(upstream, endpoint.address)),
        "}"));
  }
  return absl::StrCat("[", absl::StrJoin(items, ","), "]");
}

void Pages::Clusters(absl::AnyInvocable<void(server::Page)> done) {
  struct Collected {
    size_t left;
    std::map<std::string, ClusterInfo> clusters;
    absl::AnyInvocable<void(server::Page)> done;
  };
  auto collected = std::make_shared<Collected>();
  collected->left = workers_.size();
  collected->done = std::move(done);
  for (server::Worker* worker : workers_) {
    worker->PostFromAnyThread([this, worker, collected] {
      std::map<std::string, ClusterInfo> mine;
      for (const upstream::ClusterRef& cluster : worker->exchange_worker().clusters) {
        if (!cluster) continue;
        mine[cluster->settings().name] = {cluster->shared_endpoints(), cluster->connection_count()};
      }
      loop_.PostFromAnyThread([this, collected, mine = std::move(mine)] {
        for (const auto& [name, info] : mine) {
          ClusterInfo& sum = collected->clusters[name];
          sum.endpoints = info.endpoints;
          sum.connections += info.connections;
        }
        if (--collected->left > 0) return;
        std::vector<std::string> items;
        for (const auto& [name, info] : collected->clusters) {
          items.push_back(
              absl::StrCat("{\"name\":", JsonString(name), ",\"connections\":", info.connections,
                           ",\"endpoints\":", EndpointsJson(name, *info.endpoints), "}"));
        }
        collected->done(JsonPage(absl::StrCat("{\"clusters\":[", absl::StrJoin(items, ","), "]}")));
      });
    });
  }
}

}  // namespace sluice::main
