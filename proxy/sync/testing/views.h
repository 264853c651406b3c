// Views, changes and directories for tests of this folder.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "api/resource/view_hash.h"
#include "proxy/sync/view.h"

namespace sluice::sync {

// A directory of its own below the test's, removed with all in it.
class TestDirectory {
 public:
  TestDirectory();
  ~TestDirectory();
  const std::string& path() const { return path_; }

  std::string Read(absl::string_view name) const;
  void Write(absl::string_view name, absl::string_view bytes) const;

 private:
  const std::string path_;
};

std::string TestStoreId(char fill = 's');

// `bytes` need be no valid resource: nothing here reads them.
ViewChange::Upsert TestRoute(const std::string& name, const std::string& bytes);
resource::Key TestRouteKey(const std::string& name);

// A content of routes and registered endpoints with the hash that it must have: what a control
// plane would hold.
class TestView {
 public:
  // As the change from what was there before; its generation has the next number.
  ViewChange Apply(std::vector<ViewChange::Upsert> upserts,
                   std::vector<resource::Key> removals = {},
                   std::vector<RegisteredEndpoint> endpoint_upserts = {},
                   std::vector<RegisteredEndpoint> endpoint_removals = {});
  // The step that brings ticket keys.
  ViewChange Give(const TicketKeys& tickets);
  // The step that takes them away.
  ViewChange TakeBack(const std::string& listener);
  // Only the number moves.
  ViewChange Renumber() { return Apply({}); }

  Generation generation;

 private:
  resource::ViewHash hash_;
};

}  // namespace sluice::sync
