// All plugins of this build, by name.
//
// Thread: immutable after construction; Make() may be called from any.
// Lifetime: what the constructor is given outlives the registry and every element that it made.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proxy/plugins/chain.h"
#include "proxy/plugins/plugin.h"

namespace google::protobuf {
class Any;
}  // namespace google::protobuf

namespace sluice::plugins {

class CounterTable;

class Registry {
 public:
  explicit Registry(CounterTable& counters);
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // The plugin `name` with its configuration, as `declaration` has it; with phase and place.
  //
  // Refuses only what cannot be run: INVALID_ARGUMENT "<field>: <problem>", the field within the
  // configuration, empty if it is all of it. Bounds are validation's business, so that a stricter
  // one stops no proxy that has the configuration on disk. `{disabled: true}` is no configuration:
  // the caller takes it out.
  absl::StatusOr<Element> Make(absl::string_view name, const google::protobuf::Any& config,
                               const Declaration& declaration) const;

  // What the proxy tells the control plane that it has: sorted.
  std::vector<std::string> names() const;

 private:
  using Maker =
      std::function<absl::StatusOr<Element>(const google::protobuf::Any&, const Declaration&)>;

  template <typename Factory>
  void Add(Factory factory);

  absl::flat_hash_map<std::string, Maker> makers_;
};

}  // namespace sluice::plugins
