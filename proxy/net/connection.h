// A non-blocking byte stream on a loop: reads on demand, queues writes and sends them once a turn.
//
// Knows nothing of protocols. With a SecureLayer everything below is of plain bytes, and the
// connection is open once the handshake is done. Back-pressure: whoever writes watches
// is_above_high_water() and stops its source until OnWriteRoom(); whoever does not want to read
// simply does not, the kernel's window does the rest.
//
// Thread: the loop's. Ownership: the protocol's object owns it and is its Owner; callbacks come
// from the loop only, never inside a call, so the owner may close it in any of them; it deletes it
// with Loop::DeleteLater().
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "proxy/event/loop.h"
#include "proxy/net/buffer.h"
#include "proxy/net/secure_layer.h"
#include "proxy/net/socket.h"

namespace sluice::net {

// What every connection of a worker uses.
struct IoContext {
  event::Loop& loop;
  BlockPool& pool;

  // A 64 KiB block to read into when nothing is held back. Slices of what was read may be kept: the
  // next caller then gets another block.
  BlockRef& Scratch();
  // Another one, for bytes that are used up before the caller returns: what came off the wire and
  // is to be decrypted, what is gathered to be encrypted.
  char* Staging();
  static constexpr size_t kScratchBytes = 60 * 1024;  // Of either, at least.

 private:
  BlockRef scratch_;
  BlockRef staging_;

 public:
  IoContext(event::Loop& loop, BlockPool& pool) : loop(loop), pool(pool) {}
};

// One step of the handshake of `secure` over `fd`: sends what there is to send and reads while
// `readable`. kNeedsInput: go on when the socket is readable, or writable, again.
SecureLayer::Progress DriveHandshake(IoContext& io, int fd, SecureLayer& secure, bool& readable);

// Where the bytes of connections are counted as they pass the kernel's door, handshakes left out.
// Written by the loop's thread only.
struct Traffic {
  std::atomic<uint64_t>* received = nullptr;
  std::atomic<uint64_t>* sent = nullptr;
};

class Connection final : private event::Handler, private event::Task {
 public:
  class Owner {
   public:
    // There may be something to read, the end of the stream or an error included.
    virtual void OnReadable() = 0;
    // The queue fell to half of the high-water mark after somebody was told that it is above, or
    // emptied after TellWhenEmpty().
    virtual void OnWriteRoom() = 0;
    // Nothing more can be sent. What was received may still be read.
    virtual void OnWriteError(int error) = 0;
    // A connection that was being opened is open (0) or failed (errno; EPROTO: in the handshake).
    virtual void OnConnected(int error) = 0;

   protected:
    ~Owner() = default;
  };

  static constexpr size_t kHighWater = 256 * 1024;
  // While the pool is tight.
  static constexpr size_t kTightHighWater = 32 * 1024;

  // `phase` says when its writes are flushed. `connecting`: the socket comes from StartConnect(),
  // and its handshake, if there is to be one, has not begun; else that is done.
  Connection(IoContext& io, Transport transport, event::Phase phase, Owner& owner, bool connecting);
  ~Connection();

  // `traffic`, and what it points to, outlives the connection.
  void CountOn(const Traffic& traffic) { traffic_ = &traffic; }

  // Of one that is being opened, before Register(): goes ahead of all else, the handshake too.
  void SendFirst(absl::string_view bytes);

  // Begins to receive events. RESOURCE_EXHAUSTED if the kernel refuses.
  absl::Status Register();

  // Reads up to `size` bytes. Once it says kWouldBlock, OnReadable() announces more.
  ReadResult Read(char* out, size_t size);
  // False if there is certainly nothing.
  bool may_be_readable() const { return readable_; }

  // As Read(), of up to `max` bytes that nobody will look at: they stay in the kernel, in a pipe
  // that is appended to `out`. Nothing, and nothing done, where that is not possible, or not worth
  // it: Read() then.
  std::optional<ReadResult> ReadPiped(uint64_t max, Buffer& out);
  // Whether it is worth asking: the last read brought much.
  bool is_bulk() const { return is_bulk_; }
  // Whether pipes may be appended to out().
  bool takes_pipes() const { return secure_ == nullptr; }

  // Bytes to send: append, then call FlushSoon().
  Buffer& out() { return out_; }
  void FlushSoon();
  // More should wait. By rule zero a question with an effect: OnWriteRoom() will tell whoever heard
  // yes, also where the mark, which moves with the pool, is higher by then.
  bool is_above_high_water() const {
    const bool is_above = out_.size() >= high_water();
    owes_room_ = owes_room_ || is_above;
    return is_above;
  }
  // What waits to be sent, encrypted or not.
  size_t queued_bytes() const {
    return out_.size() + (secure_ == nullptr ? 0 : secure_->wire().size());
  }
  // Nothing is left to be sent.
  bool is_flushed() const {
    return out_.empty() && (secure_ == nullptr || secure_->wire().empty());
  }
  // OnWriteRoom() will tell when all is sent, and not before.
  void TellWhenEmpty();

  // Sends the end of the stream; what is queued must be gone.
  void ShutdownWrite();
  // Closes now. Nothing is told after it. `abort` sends a reset.
  void Close(bool abort = false);

  // Gives a plain connection away, unharmed. Nothing may be queued; nothing is told after it.
  Transport Release();

  bool is_open() const { return fd_.is_open(); }
  bool is_connected() const { return !connecting_ && fd_.is_open(); }
  // Reset, or closed in both directions: nobody is left to answer.
  bool has_failed() const { return failed_; }
  int fd() const { return fd_.get(); }
  uint64_t bytes_sent() const { return bytes_sent_; }
  // Null on a plain connection.
  const SecureLayer* secure() const { return secure_.get(); }
  // Null if none named a client.
  const ProxyHeader* proxy_header() const { return proxy_header_.get(); }
  // To which the peer connected: of a balancer that said so, the client.
  Address local_address() const {
    return proxy_header_ != nullptr ? proxy_header_->destination : LocalAddress(fd_.get());
  }
  IoContext& io() { return io_; }

 private:
  size_t high_water() const { return io_.pool.is_tight() ? kTightHighWater : kHighWater; }
  void OnEvents(uint32_t events) override;
  void Run() override;
  void Flush();
  // Both send what they can: out_, or what the secure layer makes of it. False: an error was told.
  bool SendPlain();
  bool SendSecure();
  // Sends the front of `bytes`, which are some. False once nothing more can be sent now.
  bool SendOnce(Buffer& bytes);
  bool SendPipe(Buffer& bytes);
  bool FailWrite(int error);
  ReadResult ReadSecure(char* out, size_t size);
  // Off the wire.
  ReadResult Receive(char* out, size_t size);
  // Both return whether the connection is open now.
  bool OnConnecting(uint32_t events);
  bool OnHandshake();

  IoContext& io_;
  Owner& owner_;
  Buffer out_;
  uint64_t bytes_sent_ = 0;
  const Traffic* traffic_ = nullptr;  // Null: not counted.
  const std::unique_ptr<SecureLayer> secure_;
  std::unique_ptr<const ProxyHeader> proxy_header_;
  Fd fd_;
  const event::Phase phase_;
  bool connecting_;
  bool handshaking_ = false;     // Of connecting.
  bool readable_ = false;        // For the owner.
  bool wire_readable_ = false;   // Under a secure layer: the socket.
  bool tells_readable_ = false;  // The handshake left something to read.
  bool writable_ = true;
  bool is_bulk_ = false;
  bool peer_closed_ = false;  // EPOLLRDHUP: data may still precede the end.
  bool failed_ = false;
  mutable bool owes_room_ = false;
  bool tell_when_empty_ = false;
  bool write_failed_ = false;
};

}  // namespace sluice::net
