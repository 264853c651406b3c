// One stream to one proxy, as the fleet sees it.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"

namespace sluice::v1 {
class ControlMessage;
}

namespace sluice::fleet {

struct Update;

// Thread: the fleet's loop.
// Lifetime: until the fleet has been told that it is closed.
class ProxyLink {
 public:
  virtual ~ProxyLink() = default;

  // Address of the peer.
  virtual const std::string& peer() const = 0;

  // Sends what the proxy's connection takes, when it takes it: never waits. An update goes after
  // those that were given before, a message before the parts that are not yet written.
  virtual void Send(std::shared_ptr<const Update> update) = 0;
  virtual void Send(const v1::ControlMessage& message) = 0;

  // Ends the stream with `why` after the message that is being written and those given before;
  // parts of updates are dropped. A peer that does not read is cut off. Nothing more comes from it.
  virtual void Close(absl::Status why) = 0;
};

}  // namespace sluice::fleet
