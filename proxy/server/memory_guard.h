// Keeps a worker within its buffer memory.
//
// Three steps, each sooner than the next (net/buffer.h):
//   half of it is lent   queues in front of slow readers are kept short (net::Connection)
//   all of it is lent    new requests are answered 503, and the connections that hold most are
//                        ended, until an eighth is free
//
// What the whole process may grow by is another's to say (overload_monitor.h): it is asked when the
// pool has spent its allowance, and until it answers queues are short.
//
// The largest first, because under pressure only who does not read has a long queue: a transfer
// that moves empties its own every turn. What holds little is left alone: ending it would free
// nothing.
//
// Thread: its worker's. The pool may be overdrawn by what one turn reads.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "proxy/http/server_codec.h"
#include "proxy/net/connection.h"

namespace sluice::server {

class MemoryGuard final : private net::BlockPool::Watcher, private event::Task {
 public:
  struct Holder {
    http::ServerCodec* connection;
    size_t bytes;
  };

  class Owner {
   public:
    // Adds all connections that hold kLittle or more.
    virtual void ListHolders(std::vector<Holder>& holders) = 0;

   protected:
    ~Owner() = default;
  };

  static constexpr size_t kLittle = 16 * 1024;

  MemoryGuard(net::IoContext& io, Owner& owner);
  // Called on the worker's thread when the pool's allowance is spent. Before that thread runs.
  void TellGrowth(std::function<void()> on_growth) { on_growth_ = std::move(on_growth); }
  ~MemoryGuard();

  // Connections that were ended so far.
  uint64_t sheds() const { return sheds_; }

 private:
  void OnExhausted() override;
  void OnAllowanceSpent() override {
    if (on_growth_ != nullptr) on_growth_();
  }
  void Run() override;

  net::IoContext& io_;
  Owner& owner_;
  std::function<void()> on_growth_;
  std::vector<Holder> holders_;
  uint64_t sheds_ = 0;
};

}  // namespace sluice::server
