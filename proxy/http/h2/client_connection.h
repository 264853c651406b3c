// The client's end of an HTTP/2 connection: many requests at once to one server.
//
//   ClientConnection connection(io, std::move(fd), /*connecting=*/true, owner, options);
//   RETURN_IF_ERROR(connection.Start());
//   ClientStream* stream = connection.NewStream(events);  // null: full or going away
//   stream->SendHead(head, /*end=*/true);                 // leaves once connected
//
// Streams keep the rules of proxy/http/stream.h. Beyond them:
//  - A stream lives until its user calls Reset() or its OnReset() returns, longer than the
//    connection if need be: a response that came whole is delivered whole, whatever happens to the
//    connection meanwhile. After the end of the response no OnReset() follows; what is still sent
//    then is dropped if the server no longer takes it.
//  - kPeerRefused is told for streams that a GOAWAY or REFUSED_STREAM says were not processed.
//
// Back-pressure: a stream's flow-control window opens as its user takes the body, so a paused one
// holds at most Options::stream_window. The connection's own window opens as data arrives: else a
// few slow clients would stall everyone who shares the connection.
//
// Thread: the loop's. Ownership: the pool's (or the gRPC client's), which is its Owner.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proxy/event/loop.h"
#include "proxy/http/h2/fields.h"
#include "proxy/http/h2/frame_writer.h"
#include "proxy/http/h2/session_memory.h"
#include "proxy/http/h2/window_bound.h"
#include "proxy/http/stream.h"
#include "proxy/net/connection.h"

namespace sluice::http::h2 {

class OutgoingStream;

class ClientConnection final : private net::Connection::Owner, private event::Task {
 public:
  // Told from the loop, never inside a call.
  class Owner {
   public:
    // The socket is open.
    virtual void OnConnected() = 0;
    // Over: every stream has heard. kNone: in order, after a drain or GOAWAY; IsConnectFailure():
    // never came about; else what Close() was given or what went wrong. Delete it with
    // DeleteLater().
    virtual void OnClosed(ResetReason reason) = 0;
    // The server wants no further streams: NewStream() refuses from now on; those that are open go
    // on, then OnClosed() follows.
    virtual void OnGoingAway() = 0;
    // The last open stream ended.
    virtual void OnIdle() = 0;
    // It was full and is not any more.
    virtual void OnCapacity() = 0;

   protected:
    ~Owner() = default;
  };

  struct Options {
    absl::string_view scheme = "http";  // Static text.
    // At most this many streams at once, or what the server allows if that is less.
    uint32_t max_streams = 100;
    // Of a response head or trailers; more is kHeadTooLarge.
    uint32_t max_header_bytes = kMaxResponseHeadBytes;
    uint32_t max_headers = kMaxResponseHeaders;
    uint32_t stream_window = 256 * 1024;
    uint32_t connection_window = 1024 * 1024;
    // Sends PING when nothing was received for so long, and is dead (kPeerClosed) when nothing
    // comes for `ping_timeout` after it.
    absl::Duration ping_after = absl::InfiniteDuration();
    absl::Duration ping_timeout = absl::Seconds(5);
  };

  // `connecting`: the socket comes from net::StartConnect().
  ClientConnection(net::IoContext& io, net::Transport transport, bool connecting, Owner& owner,
                   const Options& options);
  // Streams that are open hear nothing more.
  ~ClientConnection();
  void CountOn(const net::Traffic& traffic) { socket_.CountOn(traffic); }

  // RESOURCE_EXHAUSTED if the kernel refuses; the owner is told nothing then.
  [[nodiscard]] absl::Status Start();

  // Null if is_full() or is_going_away(). The stream counts from now on.
  [[nodiscard]] ClientStream* NewStream(ClientStreamEvents& events);

  bool is_full() const { return active_ >= max_streams_; }
  // No new streams: closed, draining, or the server said GOAWAY.
  bool is_going_away() const { return is_going_away_ || is_over_; }
  bool is_connected() const { return socket_.is_connected(); }
  // Why it could not be opened, after kConnectFailed: an errno.
  int connect_error() const { return connect_error_; }
  // What was wrong with its TLS; "" for nothing, or without any.
  absl::string_view tls_failure() const {
    return socket_.secure() == nullptr ? "" : socket_.secure()->failure();
  }
  // Null on a plain connection.
  const net::SecureLayer* secure() const { return socket_.secure(); }
  // Open streams, those being reset included.
  size_t stream_count() const { return active_; }

  // Opens no further streams and closes (kNone) when the last has ended.
  void Drain();
  // Closes now; streams and owner hear of it from the loop.
  void Close(ResetReason reason);

 private:
  friend class OutgoingStream;
  struct Callbacks;  // nghttp2's.

  // Reads on after a turn's share, and reports Close().
  class Later final : public event::Task {
   public:
    explicit Later(ClientConnection& connection) : connection_(connection) {}
    void Run() override { connection_.OnLater(); }

   private:
    ClientConnection& connection_;
  };

  // net::Connection::Owner
  void OnReadable() override;
  void OnWriteRoom() override { FlushSoon(); }
  void OnWriteError(int error) override;
  void OnConnected(int error) override;

  void SubmitSettings();
  // Lets nghttp2 write what it has into the socket's queue, at the end of the turn.
  void Run() override;
  void FlushSoon();
  bool ReadOnce();
  void ReadSome();
  void OnLater();
  void OnTimer();
  void ArmPing(int64_t at_ns);
  // Streams wait for the server's first settings.
  void TellSettings();
  void TellOwner();
  // Everything is over: tells streams and owner.
  void End(ResetReason reason);
  // Takes back the object of a stream whose user is done with it.
  void Release(OutgoingStream& stream);
  void Link(OutgoingStream& stream);
  void Unlink(OutgoingStream& stream);

  // Set at construction.
  net::IoContext& io_;
  Owner& owner_;
  const Options options_;

  net::Connection socket_;
  SessionMemory memory_;
  nghttp2_session* session_ = nullptr;
  FieldList fields_;
  Later later_{*this};
  event::Timer timer_;

  // Streams whose user has not let go; their objects are the connection's while they are here.
  OutgoingStream* streams_ = nullptr;
  // Objects to use again. Those of `released_` may still be on the stack of this turn.
  std::vector<std::unique_ptr<OutgoingStream>> free_;
  std::vector<std::unique_ptr<OutgoingStream>> released_;

  FrameWriter writer_;
  WindowBound window_bound_;
  const net::BlockRef* read_block_ = nullptr;  // What nghttp2 is reading from.
  int64_t received_at_ns_ = 0;
  int64_t ping_sent_at_ns_ = 0;  // 0: none is under way.
  uint32_t max_streams_;
  bool has_settings_ = false;   // The server's first have come.
  bool takes_connect_ = false;  // It said that it grants extended CONNECT (RFC 8441).
  uint32_t active_ = 0;         // That nghttp2 holds or that are about to be sent.
  uint32_t empty_frames_ = 0;   // DATA without content since the last with.
  ResetReason close_reason_ = ResetReason::kNone;
  int connect_error_ = 0;
  bool is_closing_ = false;  // Close() was called.
  bool is_over_ = false;
  bool is_going_away_ = false;
  bool is_draining_ = false;
  bool must_tell_going_away_ = false;
  bool must_tell_idle_ = false;
  bool was_full_ = false;
};

}  // namespace sluice::http::h2
