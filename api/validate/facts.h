// What the whole-configuration checks need to know about one resource. Only index.cc uses it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "api/resource/key.h"
#include "api/resource/references.h"
#include "api/validate/syntax.h"

namespace sluice::validate {

// The first 16 bytes of the SHA-256 of one of match::MatchKeys(): the keys themselves would be most
// of the index.
using MatchId = std::array<uint8_t, 16>;

// The plugins that answer requests by themselves (option `answers`), a bit each: those that a
// resource configures and those that it removes.
struct Answering {
  uint32_t given = 0;
  uint32_t removed = 0;
};

// A set of names; none means all. Sorted.
using Names = std::vector<std::string>;

// Whether something is in both sets.
bool Overlap(const Names& a, const Names& b);

// Of a Route, or of a StreamRoute.
struct RouteFacts {
  std::vector<MatchId> match_ids;
  Names listeners;
  Names groups;
  bool is_stream = false;                // A StreamRoute.
  bool asks_for_names = false;           // It matches by names of servers only.
  bool has_target = false;               // Upstreams or a service.
  Answering answering;                   // By its own plugins.
  std::vector<std::string> plugin_sets;  // In order.
};

struct ListenerFacts {
  HostPort address;
  Names groups;
  bool is_stream = false;      // StreamRoutes say where its connections go.
  bool hears_no_name = false;  // Its clients cannot ask for a server by name.

  bool Serves(const RouteFacts& route) const {
    return is_stream == route.is_stream && !(hears_no_name && route.asks_for_names);
  }
};

// A `subset` of a Route or StreamRoute: endpoints with these labels, of these upstreams.
struct SubsetUse {
  std::string field;                   // As Problem::field.
  std::string labels;                  // Their names, sorted: "stage, version".
  std::vector<std::string> upstreams;  // Names.
  std::string service;                 // Or those of this Service.
};

struct SubsetFacts {
  std::vector<SubsetUse> uses;         // Of a Route or StreamRoute.
  std::vector<std::string> selectors;  // Of an Upstream: the labels of each, likewise.
  std::vector<std::string> upstreams;  // Of a Service: names.

  bool HasSelector(const std::string& labels) const;
};

struct Facts {
  std::vector<resource::Key> targets;             // Of its references, each once.
  std::vector<std::string> credentials;           // Of a Consumer: their SHA-256, 32 bytes each.
  std::unique_ptr<const RouteFacts> route;        // Of a Route or StreamRoute.
  std::unique_ptr<const ListenerFacts> listener;  // Of a Listener with a valid address.
  std::unique_ptr<const SubsetFacts> subsets;     // Null: as if empty.
  Answering answering;                            // Of a PluginSet.
};

// The same with what only the check of a change needs.
struct DetailedFacts {
  Facts facts;
  std::vector<resource::Reference> references;
  std::vector<std::string> match_keys;         // In step with route->match_ids.
  std::vector<std::string> credential_fields;  // In step with credentials.
};

DetailedFacts FactsOf(const v1::Resource& resource);

}  // namespace sluice::validate
