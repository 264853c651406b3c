// A configuration as the listeners of some proxies see it, for `explain`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "api/resource/key.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::sluicectl {

struct ViewChoice {
  std::optional<std::vector<std::string>> groups;  // Of a proxy; nothing: whatever the groups.
  std::string listener;                            // Empty: those of `port`.
  std::optional<uint16_t> port;                    // Nothing, or no listener's: every listener.
  bool is_stream = false;                          // Of the listeners that do not speak HTTP.
};

// Lifetime: refers to the resources that it was made of.
class View {
 public:
  // NOT_FOUND: there is no such listener, or not in this view.
  static absl::StatusOr<View> Make(const std::vector<v1::Resource>& resources,
                                   const ViewChoice& choice);

  // On which the request may come in.
  const std::vector<const v1::Resource*>& listeners() const { return listeners_; }

  // That these listeners serve.
  const std::vector<const v1::Resource*>& routes() const { return routes_; }

  // The same of connections that are not HTTP.
  const std::vector<const v1::Resource*>& stream_routes() const { return stream_routes_; }

  // That they do not, with why: "groups" or "listeners".
  struct Excluded {
    const v1::Resource* route;
    absl::string_view fails;
  };
  const std::vector<Excluded>& excluded() const { return excluded_; }

  // That apply to these listeners, by name.
  const std::vector<const v1::Resource*>& global_rules() const { return global_rules_; }

  // Null if there is none.
  const v1::Resource* Find(resource::Kind kind, absl::string_view name) const;

 private:
  absl::Status ChooseListeners(const ViewChoice& choice);
  void SortRoute(const v1::Resource& route, const ViewChoice& choice);

  absl::flat_hash_map<resource::Key, const v1::Resource*> by_key_;
  std::vector<const v1::Resource*> seen_listeners_;  // By the groups, and of the wanted sort.
  std::vector<const v1::Resource*> listeners_;
  std::vector<const v1::Resource*> routes_;
  std::vector<const v1::Resource*> stream_routes_;
  std::vector<Excluded> excluded_;
  std::vector<const v1::Resource*> global_rules_;
};

}  // namespace sluice::sluicectl
