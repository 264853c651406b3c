// What a resource asks of the views that hold it: who may see it, what must come with it, and what
// a proxy must be able to read.
//
// Found by the annotations of the contract (api/sluice/v1/options.proto), so that a kind, a field
// or a plugin that comes later needs nothing here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "api/resource/key.h"

namespace sluice::v1 {
class Resource;
}

namespace sluice::fleet {

struct Needs {
  // Of a Listener, Route, StreamRoute or GlobalRule; none: every proxy.
  std::vector<std::string> groups;

  // Of a Route, StreamRoute or GlobalRule: it is seen only where one of them is; none: everywhere.
  std::vector<resource::Key> listeners;

  // What must be wherever this is, each once. A plugin that names consumers or consumer groups
  // compares names and needs no credentials: these are not among them.
  std::vector<resource::Key> refs;

  // An authentication plugin is configured, so that consumers are needed.
  bool authenticates = false;

  // A Listener that speaks TLS: its ticket keys come with it.
  bool has_tls = false;

  // What a proxy must be able to read at least.
  uint32_t schema = 1;

  // Names of the plugins that are configured, sorted, each once.
  std::vector<std::string> plugins;
};

// `bytes` is a serialised v1::Resource of the key `key`. Bytes that do not parse need nothing: the
// store is the only source, and what it holds was validated.
Needs NeedsOf(const resource::Key& key, absl::string_view bytes);
Needs NeedsOf(const resource::Key& key, const v1::Resource& resource);

}  // namespace sluice::fleet
