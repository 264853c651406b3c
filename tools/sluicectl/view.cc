#include "tools/sluicectl/view.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "api/validate/syntax.h"
#include "base/nearest.h"
#include "base/status_macros.h"

namespace sluice::sluicectl {
namespace {

using resource::Kind;
using Groups = std::optional<std::vector<std::string>>;

template <typename List>
bool IsSeen(const List& groups, const Groups& of_proxy) {
  if (groups.empty() || !of_proxy.has_value()) return true;
  return std::any_of(groups.begin(), groups.end(), [&of_proxy](const std::string& group) {
    return std::find(of_proxy->begin(), of_proxy->end(), group) != of_proxy->end();
  });
}

// Whether one of the listeners is named; no names name all.
template <typename List>
bool IsNamed(const List& names, const std::vector<const v1::Resource*>& listeners) {
  if (names.empty()) return true;
  return std::any_of(listeners.begin(), listeners.end(), [&names](const v1::Resource* listener) {
    return std::find(names.begin(), names.end(), listener->name()) != names.end();
  });
}

bool IsStream(const v1::Listener& listener) {
  return listener.protocol() == v1::Listener::PROTOCOL_TCP ||
         listener.protocol() == v1::Listener::PROTOCOL_TLS_PASSTHROUGH;
}

}  // namespace

absl::StatusOr<View> View::Make(const std::vector<v1::Resource>& resources,
                                const ViewChoice& choice) {
  View view;
  for (const v1::Resource& resource : resources) {
    view.by_key_[resource::KeyOf(resource)] = &resource;
    if (resource.has_listener() && IsSeen(resource.listener().groups(), choice.groups) &&
        IsStream(resource.listener()) == choice.is_stream) {
      view.seen_listeners_.push_back(&resource);
    }
  }
  RETURN_IF_ERROR(view.ChooseListeners(choice));
  for (const v1::Resource& resource : resources) {
    if (resource.has_route()) view.SortRoute(resource, choice);
    if (resource.has_stream_route() && IsSeen(resource.stream_route().groups(), choice.groups) &&
        IsNamed(resource.stream_route().listeners(), view.listeners_)) {
      view.stream_routes_.push_back(&resource);
    }
    if (resource.has_global_rule() && IsSeen(resource.global_rule().groups(), choice.groups) &&
        IsNamed(resource.global_rule().listeners(), view.listeners_)) {
      view.global_rules_.push_back(&resource);
    }
  }
  std::sort(view.global_rules_.begin(), view.global_rules_.end(),
            [](const auto* a, const auto* b) { return a->name() < b->name(); });
  return view;
}

absl::Status View::ChooseListeners(const ViewChoice& choice) {
  std::vector<absl::string_view> names;
  for (const v1::Resource* listener : seen_listeners_) {
    names.push_back(listener->name());
    const auto address = validate::ParseHostPort(listener->listener().address());
    const bool is_chosen = choice.listener.empty()
                               ? address.has_value() && choice.port == address->port
                               : listener->name() == choice.listener;
    if (is_chosen) listeners_.push_back(listener);
  }
  if (!listeners_.empty()) return absl::OkStatus();
  if (!choice.listener.empty()) {
    const absl::string_view near = Nearest(choice.listener, names);
    return absl::NotFoundError(
        absl::StrCat("--listener: there is no listener \"", choice.listener, "\" here",
                     near.empty() ? "" : absl::StrCat("; did you mean ", near, "?")));
  }
  // The port may be one that something in front of the proxies has.
  listeners_ = seen_listeners_;
  return absl::OkStatus();
}

void View::SortRoute(const v1::Resource& route, const ViewChoice& choice) {
  if (!IsSeen(route.route().groups(), choice.groups)) {
    excluded_.push_back({&route, "groups"});
  } else if (!IsNamed(route.route().listeners(), listeners_)) {
    excluded_.push_back({&route, "listeners"});
  } else {
    routes_.push_back(&route);
  }
}

const v1::Resource* View::Find(Kind kind, absl::string_view name) const {
  const auto found = by_key_.find(resource::Key{kind, "", std::string(name)});
  return found == by_key_.end() ? nullptr : found->second;
}

}  // namespace sluice::sluicectl
