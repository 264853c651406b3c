// The route table: which route serves a request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "api/match/compiled_spec.h"
#include "api/match/hash_trie.h"
#include "api/match/path_pattern.h"
#include "api/match/ref.h"
#include "api/match/request_view.h"

namespace sluice::match {

struct Node;

// The route that serves a request.
struct MatchResult {
  uint64_t payload = 0;
  const CompiledSpec* spec = nullptr;  // Lives as long as a table that holds the route.
  uint16_t path_index = 0;             // Which of its paths matched.
};

// What the path's variables or groups hold in the path that was matched. Apart from Match(),
// because few routes ask. For an expression it is matched once more.
void ReadCaptures(const MatchResult& result, absl::string_view path, Captures* captures);

// A set of routes, immutable, from which changed sets are derived. docs/guide/routing.md says which
// of several routes serves a request.
//
// Thread: any may read. With() of one table, and of what comes of it, belongs to one thread at a
//   time, as do copies and destructors with respect to one object; a table that others read may be
//   changed from and destroyed, once they stopped, by another thread.
// Ownership: shares routes and structure with the tables that it was made from or that were made
//   from it. Destroying one costs what it shares with none.
//
//   Table next = table.With({"old"}, {{spec, payload}});
class Table {
 public:
  struct Route {
    std::shared_ptr<const CompiledSpec> spec;
    uint64_t payload = 0;  // The caller's: an index, a pointer.
  };

  Table();
  Table(const Table&);
  Table(Table&&) noexcept;  // Leaves an object that may only be assigned to or destroyed.
  Table& operator=(Table) noexcept;
  ~Table();

  // These routes without `removals` (names; unknown ones are ignored) and with `upserts`, each in
  // the place of the one of its name. Costs what changes, a few microseconds a path, whatever the
  // number of routes.
  Table With(absl::Span<const std::string> removals, absl::Span<const Route> upserts) const;

  // The route that serves the request; false if there is none. Takes no lock, counts no owner and
  // allocates nothing, but for the readers' lock of each RE2 expression that is tried, and for
  // query values above 1 KiB with escapes that an expression looks at.
  bool Match(const RequestView& request, MatchResult* result) const;

  // For tables that no cache holds: what Match() will wait for is fetched while the caller still
  // has something else to do. Each step needs what the one before fetched; they cost a few
  // nanoseconds, change no result, and are of use as long as the table lives.
  class Ahead {
   public:
    // The next step, if there is one. The last one returns the payload of the route that will
    // probably be found, so that the caller can do the same with what that stands for; else 0.
    uint64_t Advance();

   private:
    friend class Table;
    HashTrie<Node>::Ahead search_;
  };
  // The first step. `host` may be empty if it is not known yet.
  Ahead LookAhead(absl::string_view host, absl::string_view path) const;

  // The value of an Allow header: methods with which a request that matched no route would have
  // matched one. Empty if the method is not what kept it. Slower than Match().
  std::string AllowedMethods(const RequestView& request) const;

  // Null if there is none.
  const Route* Find(absl::string_view name) const;

  // In no order.
  void ForEach(absl::FunctionRef<void(const Route&)> visit) const;

  size_t size() const;

 private:
  struct Root;
  friend class TableUpdate;

  explicit Table(Ref<Root> root);

  Ref<Root> root_;
};

}  // namespace sluice::match
