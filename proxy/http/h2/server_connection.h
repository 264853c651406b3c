// A client's HTTP/2 connection: each of its requests goes to an exchange of its own.
//
//   kServing    requests are taken
//   kEnding     a GOAWAY that is the last is to be sent: what streams there were have been reset
//   kLingering  all is sent; input is dropped until the client has seen it and closes
//   kClosed     the host has been told
//
// Draining is kServing in two steps (RFC 9113 section 6.8): a GOAWAY that refuses nothing, and when
// the client has had time to see it, one that names the last stream that is served.
//
// Back-pressure: a stream's window opens as its exchange takes the body, so that a paused one holds
// at most Http2Settings::stream_window. The connection's window opens as data arrives while all
// that is held is less than that window, so that one slow upload does not stop the others, and
// together they hold at most twice as much. Responses wait in their streams' queues, of which the
// exchanges are told; frames are made only as fast as the socket takes them.
//
// A client that costs more than it asks for (flood_guard.h) is told ENHANCE_YOUR_CALM and closed;
// one that does not read what is sent, whatever it says itself, is closed as its streams would be.
//
// Thread: its worker's. Ownership: the host's, which deletes it after OnClosed().
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>

#include "absl/status/status.h"
#include "proxy/event/loop.h"
#include "proxy/http/h2/flood_guard.h"
#include "proxy/http/h2/frame_scanner.h"
#include "proxy/http/h2/request_reader.h"
#include "proxy/http/h2/server_workspace.h"
#include "proxy/http/h2/stream_ids.h"
#include "proxy/http/h2/window_bound.h"
#include "proxy/http/server_codec.h"
#include "proxy/http/stream.h"
#include "proxy/net/connection.h"

namespace sluice::http::h2 {

class IncomingStream;

class ServerConnection final : public ServerCodec,
                               private net::Connection::Owner,
                               private event::Task {
 public:
  ServerConnection(net::IoContext& io, net::Transport transport, const net::Address& peer,
                   uint64_t id, ServerHost& host, ServerWorkspace& workspace);
  ~ServerConnection() override;

  absl::Status Start() override;
  // After Start(): the first bytes, which were read already.
  void Begin(const net::BlockRef& block, const char* begin, const char* end);

  void Drain() override;
  void CloseNow() override;
  net::Address local_address() const override { return socket_.local_address(); }
  bool is_idle() const override { return streams_ == nullptr; }
  size_t held_bytes() const override;
  void Shed() override { End(ResetReason::kOverload, nullptr); }

 private:
  friend class IncomingStream;
  friend class ServerWorkspace;
  struct Callbacks;  // nghttp2's.

  enum class State : uint8_t { kServing, kEnding, kLingering, kClosed };

  // Reads on after a turn's share.
  class Later final : public event::Task {
   public:
    explicit Later(ServerConnection& connection) : connection_(connection) {}
    void Run() override { connection_.OnLater(); }

   private:
    ServerConnection& connection_;
  };

  // net::Connection::Owner
  void OnReadable() override { ReadInput(); }
  void OnWriteRoom() override { FlushSoon(); }
  void OnWriteError(int) override { End(ResetReason::kPeerClosed, nullptr); }
  void OnConnected(int) override {}

  void SubmitSettings();
  void ReadInput();
  bool ReadOnce();
  void Consume(const net::BlockRef& block, const char* begin, const char* end);
  FrameScanner::Verdict OnFrameHead(const FrameHead& frame);
  void Keep(const net::BlockRef& block, const char* begin, const char* end);
  void OnLater();

  // Lets nghttp2 write what it has into the socket's queue, at the end of the turn.
  void Run() override;
  void FlushSoon();
  // What follows when all that nghttp2 has is written.
  void Advance();

  // Tells the client why and ends the connection; `error` as in OnClientReset().
  void Fail(uint32_t code, const LocalError* error);
  // Notes, once, that the client is at fault.
  void Blame(uint32_t code);
  void EndStreams(ResetReason reason, const LocalError* error);
  void Linger();
  void End(ResetReason reason, const LocalError* error);

  void OnStreamOpen(IncomingStream& stream);
  void OnStreamClosed(IncomingStream& stream);
  // `bytes` of a body arrived; and were held, or are not any more.
  void OnReceived(size_t bytes);
  void Hold(size_t bytes) { held_ += bytes; }
  void Unhold(size_t bytes);

  void OnTimer();
  void ArmTimer();
  bool CheckPing(int64_t now_ns);
  bool IsStuck(int64_t now_ns);
  void FinishDrain();
  void OnPingAnswered();

  // Set at construction.
  net::IoContext& io_;
  ServerHost& host_;
  ServerWorkspace& workspace_;
  const net::Address peer_;
  const uint64_t id_;
  const Http2Settings settings_;  // Of the listener when the client came.

  net::Connection socket_;
  nghttp2_session* session_ = nullptr;
  Later later_{*this};
  event::Timer timer_;
  FrameScanner scanner_;
  FloodGuard guard_;
  RequestReader reader_;
  StreamIds ids_;
  WindowBound window_bound_;

  IncomingStream* streams_ = nullptr;

  // Input that was read and has to wait: [kept_begin_, kept_end_) of the block.
  net::BlockRef kept_;
  const char* kept_begin_ = nullptr;
  const char* kept_end_ = nullptr;
  const net::BlockRef* read_block_ = nullptr;  // What nghttp2 is reading from.

  int64_t received_at_ns_;
  int64_t idle_since_ns_;
  int64_t head_began_ns_;        // Of a header block under way, or of the preface; 0: none.
  int32_t head_of_ = 0;          // The stream of the last header block.
  int64_t ping_sent_at_ns_ = 0;  // 0: none is under way.
  int64_t drain_began_ns_ = 0;
  int64_t stalled_since_ns_ = 0;  // Bytes wait for the socket; 0: none did when it was looked at.
  uint64_t sent_before_stall_ = 0;
  uint64_t requests_ = 0;
  size_t held_ = 0;  // Of bodies whose exchanges are paused.
  size_t owed_ = 0;  // Of the connection's window, not opened because of held_.
  uint32_t end_code_ = NGHTTP2_NO_ERROR;  // To be told in GOAWAY.
  int heads_this_turn_ = 0;
  State state_ = State::kServing;
  bool is_draining_ = false;
  bool has_said_last_ = false;  // The second GOAWAY of a drain.
  bool is_client_leaving_ = false;
  bool has_failed_ = false;  // Because of what the client sent.
  bool is_flooded_ = false;
};

}  // namespace sluice::http::h2
