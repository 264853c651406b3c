// What POST on STATE_DIR/admin.sock does.
//
//   /drain                 as SIGTERM does: finish the requests under way, then exit
//   /log-level?level=debug debug, info, warning or error, of the program's own log
//
// Thread: the control thread.
#pragma once

#include <functional>
#include <string>

#include "proxy/server/admin/page.h"

namespace sluice::main {

class Actions final : public server::PageSource {
 public:
  // `drain`: false if the proxy is draining already.
  explicit Actions(std::function<bool()> drain) : drain_(std::move(drain)) {}

  void GetPage(const std::string& target, absl::AnyInvocable<void(server::Page)> done) override;

 private:
  const std::function<bool()> drain_;
};

}  // namespace sluice::main
