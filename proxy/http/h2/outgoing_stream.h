// One request of a ClientConnection: the state between its user and nghttp2.
//
// Internal to this folder. See client_connection.h for what users may rely on.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "proxy/event/loop.h"
#include "proxy/http/stream.h"
#include "proxy/net/buffer.h"

namespace sluice::http::h2 {

class ClientConnection;

// Ownership: the connection's, while it has one; then its own, until Reset().
class OutgoingStream final : public ClientStream, private event::Task {
 public:
  // What waits to be sent before is_send_blocked(), and where it ends.
  static constexpr size_t kHighWater = 64 * 1024;
  static constexpr size_t kLowWater = kHighWater / 2;

  explicit OutgoingStream(event::Loop& loop) : loop_(loop) {}

  // Makes a used object as good as new.
  void Open(ClientConnection& connection, ClientStreamEvents& events);

  // ClientStream
  void SendHead(const RequestHead& head, bool end) override;
  void SendBody(net::Buffer&& body, bool end) override;
  void SendEnd(const HeaderMap* trailers) override;
  void Reset(ResetReason reason) override;
  void PauseBody() override { ++pauses_; }
  void ResumeBody() override;
  bool is_send_blocked() const override { return queue_.size() >= kHighWater; }
  size_t held_bytes() const override { return queue_.size() + received_.size(); }
  bool has_sent_bytes() const override;
  bool is_reused() const override { return id_ > 1; }
  net::Address local_address() const override;

  // The server's first are there: whether it grants tunnels is known.
  void OnSettings();

  // What nghttp2 received. Each may call the user, who may reset the stream meanwhile.
  void OnHeadersBegin();
  // False: the limits are exceeded.
  bool OnField(absl::string_view name, absl::string_view value);
  void OnHeadersEnd(bool end);
  void OnData(const net::BlockRef& block, const char* begin, const char* end);
  void OnEnd();
  void OnPeerReset() { was_reset_by_peer_ = true; }
  void OnInvalidField() { failure_ = ResetReason::kProtocolError; }
  void OnNotSent(ResetReason reason) { failure_ = reason; }
  void OnClosed(uint32_t code);
  void OnConnectionEnd(ResetReason reason);

  // What nghttp2 sends.
  void OnHeadSent(uint64_t offset);
  ssize_t NextData(size_t max_bytes, uint32_t* flags);
  // Moves what NextData() announced.
  void TakeData(size_t bytes, net::Buffer& out);

  int32_t id() const { return id_; }
  const OutgoingStream* next() const { return next_; }
  // Lets go of the connection, which ends.
  void Orphan();

 private:
  friend class ClientConnection;

  using Fields = std::vector<std::pair<std::string, std::string>>;

  void Run() override;
  void Submit(const RequestHead& head, bool end);
  void KeepHead(const RequestHead& head);
  // The final head grants the upgrade that was asked for: to the user it is a 101.
  void BeginTunnel();
  void Deliver();
  void Fail(ResetReason reason);
  ResetReason ReasonOf(uint32_t code) const;
  void Resume();
  void SubmitTrailers();
  BodySize SizeOfBody(bool end);
  // Of the queue, after some of it went.
  void NoteRoom();

  event::Loop& loop_;
  ClientConnection* connection_ = nullptr;
  ClientStreamEvents* events_ = nullptr;  // Null: the user has let go.
  OutgoingStream* prev_ = nullptr;
  OutgoingStream* next_ = nullptr;

  net::Buffer queue_;     // To be sent.
  net::Buffer received_;  // While paused.
  std::unique_ptr<Fields> request_trailers_;
  // A request for an upgrade that waits for the server's settings, in the user's arena.
  const RequestHead* waiting_ = nullptr;
  std::string websocket_key_;      // Of a request for WebSocket.
  ResponseHead* head_ = nullptr;   // In the user's arena.
  HeaderMap* trailers_ = nullptr;  // In the user's arena.
  HeaderMap* fields_ = nullptr;    // Of the block that is being read: head_'s or trailers_.
  uint64_t head_offset_ = 0;       // Where its head stands in what the connection sends.
  int32_t id_ = 0;                 // 0: nothing was submitted.
  uint32_t pauses_ = 0;
  uint32_t header_bytes_ = 0;  // Of the block that is being read.
  uint32_t informationals_ = 0;
  ResetReason failure_ = ResetReason::kNone;  // Known before nghttp2 closes it.
  bool is_head_request_ = false;
  bool is_upgrade_ = false;  // By extended CONNECT, which opens the stream both ways.
  bool is_head_sent_ = false;
  bool has_sent_bytes_ = false;  // Of a stream without a connection.
  bool has_send_end_ = false;    // The end of the request is known.
  bool is_deferred_ = false;     // nghttp2 waits for data.
  bool is_closed_ = false;       // nghttp2 knows it no longer.
  bool was_reset_by_peer_ = false;
  bool has_final_head_ = false;
  bool has_end_ = false;  // The response is whole.
  bool has_told_end_ = false;
  bool was_blocked_ = false;
  bool owes_room_ = false;
};

}  // namespace sluice::http::h2
