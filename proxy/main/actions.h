// What POST on STATE_DIR/admin.sock does.
//
//   /drain                 as SIGTERM does: finish the requests under way, then exit
//   /overload?pressure=92  acts as if so many per cent of the memory were used, until it is 0 again
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
  // `drain`: false if the proxy is draining already. `press`: false if overload is not watched.
  Actions(std::function<bool()> drain, std::function<bool(double)> press)
      : drain_(std::move(drain)), press_(std::move(press)) {}

  void GetPage(const std::string& target, absl::AnyInvocable<void(server::Page)> done) override;

 private:
  server::Page Press(const std::string& query) const;

  const std::function<bool()> drain_;
  const std::function<bool(double)> press_;
};

}  // namespace sluice::main
