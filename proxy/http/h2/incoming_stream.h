// One request of a client's HTTP/2 connection: the state between its exchange and nghttp2.
//
//   open      from the first byte of its head until nghttp2 closes it: both sides have ended, or
//             either has reset
//   refused   the head is not acceptable. The exchange answers, and nghttp2 ends the stream
//   sunk      nghttp2 resets the stream because its request is malformed. The exchange still hears
//             of it, so that it is counted and logged, but what it answers goes nowhere
//
// Internal to this folder. See proxy/http/stream.h for what the exchange may rely on.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "proxy/event/loop.h"
#include "proxy/http/stream.h"
#include "proxy/net/buffer.h"

namespace sluice::http::h2 {

class ServerConnection;

// Ownership: the connection's while it is open, the workspace's between two uses.
class IncomingStream final : public ServerStream, private event::Task {
 public:
  // What waits to be sent before is_send_blocked(), and where it ends.
  static constexpr size_t kHighWater = 64 * 1024;
  static constexpr size_t kLowWater = kHighWater / 2;
  // A response that waits for its client moves at least so much in a flush timeout. Small updates
  // of a window do not hold memory for ever (CVE-2020-12604).
  static constexpr uint64_t kLeastFlush = 16 * 1024;

  // Makes a used object as good as new. False if there is no memory for an exchange.
  bool Open(ServerConnection& connection, int32_t id);

  // ServerStream
  void SendInformational(const ResponseHead& head) override;
  void SendHead(const ResponseHead& head, bool end) override;
  void SendBody(net::Buffer&& body, bool end) override;
  void SendEnd(const HeaderMap* trailers) override;
  void Reset(ResetReason reason) override;
  void Release() override;
  void PauseBody() override;
  void ResumeBody() override;
  bool is_send_blocked() const override { return queue_.size() >= kHighWater; }
  const net::Address& peer_address() const override;
  net::Address local_address() const override;
  uint64_t connection_id() const override;
  const net::SecureLayer* secure() const override;
  const net::ProxyHeader* proxy_header() const override;

  // What nghttp2 received. Each may call the exchange, which may let go of the stream meanwhile.
  void OnField(absl::string_view name, absl::string_view value);
  void OnHeadersEnd(bool end);
  void OnData(const net::BlockRef& block, const char* begin, const char* end);
  void OnEnd();
  void OnPeerReset() { was_reset_by_peer_ = true; }
  // nghttp2 has forgotten it.
  void OnClosed(uint32_t code);
  // The connection ends, and with it the stream; `error` as in OnClientReset().
  void OnConnectionEnd(ResetReason reason, const LocalError* error);

  // What nghttp2 sends.
  ssize_t NextData(size_t max_bytes, uint32_t* flags);
  // Moves what NextData() announced.
  void TakeData(size_t bytes, net::Buffer& out);
  // The last frame of the response has left.
  void OnResponseSent();

  int32_t id() const { return id_; }
  const IncomingStream* next() const { return next_; }
  bool has_head() const { return has_head_; }
  // Both sides, in order.
  bool has_ended() const { return has_end_ && has_sent_end_; }
  bool has_queued() const { return !queue_.empty(); }
  size_t held_bytes() const {
    return queue_.size() + received_.size() + (exchange_ == nullptr ? 0 : exchange_->held_bytes());
  }
  // Once a second: ends what is too slow.
  void CheckPace(int64_t now_ns);

 private:
  friend class ServerConnection;

  void Run() override;
  void Deliver();
  void FailRequest(const LocalError& error);
  // The upgrade is granted.
  void BeginTunnel();
  void ResumeSending();
  void SubmitReset(uint32_t code);
  // Of the queue, after some of it went.
  void NoteRoom();
  void DropReceived();
  bool is_body_late(int64_t now_ns) const;
  bool is_send_late(int64_t now_ns);

  ServerConnection* connection_ = nullptr;
  ServerStreamEvents* exchange_ = nullptr;  // Null: it has let go.
  IncomingStream* prev_ = nullptr;
  IncomingStream* next_ = nullptr;

  net::Buffer queue_;              // To be sent.
  net::Buffer received_;           // While paused.
  HeaderMap* trailers_ = nullptr;  // Of the request, in the exchange's arena.

  // Trailers of the response wait for the body. Their memory is kept from stream to stream.
  std::string trailer_text_;
  std::vector<nghttp2_nv> response_trailers_;

  int64_t body_began_ns_ = 0;  // Moved on by what it was paused.
  int64_t paused_at_ns_ = 0;
  uint64_t body_bytes_ = 0;
  int64_t stalled_since_ns_ = 0;  // Of the response: 0 while nothing waits.
  uint64_t sent_since_stall_ = 0;
  int32_t id_ = 0;
  uint32_t pauses_ = 0;
  uint32_t reset_code_ = 0;  // To be sent behind what is queued.
  Method method_ = Method::kGet;
  bool has_head_ = false;  // The exchange has the request's head.
  bool has_end_ = false;   // The request is whole.
  bool has_told_end_ = false;
  bool is_begun_ = false;      // The response.
  bool has_send_end_ = false;  // The end of the response is known.
  bool has_sent_end_ = false;
  bool drops_body_ = false;  // The response has none, whatever the exchange sends.
  bool must_reset_ = false;
  bool is_deferred_ = false;  // nghttp2 waits for data.
  bool is_sunk_ = false;
  bool was_reset_by_peer_ = false;
  bool is_upgrade_ = false;       // It asks for one that was not granted yet: what follows is held.
  bool ignores_request_ = false;  // It was refused.
  bool was_blocked_ = false;
  bool owes_room_ = false;
};

}  // namespace sluice::http::h2
