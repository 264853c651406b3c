// A client's HTTP/1 connection: reads requests one after the other, hands each to an exchange, and
// writes its response.
//
//   kIdle      no byte of a request yet; the idle timer runs
//   kHead      part of a head; the header timer runs
//   kExchange  a head was handed on: until the response is sent and the request read to its end
//   kDraining  the response is sent, a short rest of the request is read and dropped
//   kClosing   what is queued is sent, then the connection ends
//
// Requests that arrive behind another one wait, unparsed, and the socket is not read on: pipelining
// costs one block of memory and no concurrency.
//
// Thread: its worker's. Ownership: the Host's, which deletes it after OnClosed().
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "proxy/http/h1/body_decoder.h"
#include "proxy/http/h1/framing.h"
#include "proxy/http/h1/pending_input.h"
#include "proxy/http/h1/writer.h"
#include "proxy/http/server_codec.h"
#include "proxy/http/stream.h"
#include "proxy/net/connection.h"

namespace sluice::http::h1 {

class ServerConnection final : public ServerCodec,
                               private net::Connection::Owner,
                               private event::Task,
                               public ServerStream {
 public:
  class Host : public ServerHost {
   public:
    // A head for parsing, shared by all connections of the worker.
    virtual RawHead& scratch_head() = 0;
    // Whether a connection that begins with the preface of HTTP/2 is handed over to OnHttp2(); else
    // it is refused.
    virtual bool TakesHttp2() const { return false; }
    // Instead of OnClosed(), and the last call likewise: the transport goes on in HTTP/2, from the
    // bytes [begin, end) of `block` on, which were read already.
    virtual void OnHttp2(ServerConnection&, net::Transport, const net::BlockRef& block,
                         const char* begin, const char* end) {}

   protected:
    ~Host() = default;
  };

  ServerConnection(net::IoContext& io, net::Transport transport, const net::Address& peer,
                   uint64_t id, Host& host);
  ~ServerConnection() override;

  absl::Status Start() override;

  void Drain() override;
  void AnnounceDrain() override {}
  bool is_idle() const override { return state_ == State::kIdle; }
  void CloseNow() override;

  size_t held_bytes() const override;
  void Shed() override;

  void SendInformational(const ResponseHead& head) override;
  void SendHead(const ResponseHead& head, bool end) override;
  void SendBody(net::Buffer&& body, bool end) override;
  void SendEnd(const HeaderMap* trailers) override;
  void Reset(ResetReason reason) override;
  void Release() override;
  void PauseBody() override;
  void ResumeBody() override;
  bool is_send_blocked() const override { return connection_.is_above_high_water(); }
  bool TakesPipes() const override { return connection_.takes_pipes(); }
  const net::Address& peer_address() const override { return peer_; }
  net::Address local_address() const override { return connection_.local_address(); }
  uint64_t connection_id() const override { return id_; }
  const net::SecureLayer* secure() const override { return connection_.secure(); }
  const net::ProxyHeader* proxy_header() const override { return connection_.proxy_header(); }

 private:
  enum class State : uint8_t { kIdle, kHead, kExchange, kDraining, kClosing, kClosed };

  void OnReadable() override;
  void OnWriteRoom() override;
  void OnWriteError(int error) override;
  void OnConnected(int) override {}
  void Run() override;  // Goes on with what waits, in a turn of its own.
  void OnTimer();

  bool WantsInput() const;
  void ReadInput();
  // Reads once; false if there is nothing more to do for now.
  bool ReadOnce();
  bool ReadBehindPending();
  // The same for body that need not be seen here; nothing where it must, or is not worth it.
  std::optional<bool> PipeOnce();
  // What a read came to that brought nothing.
  void OnNothingRead(net::ReadStatus status);
  void Consume(const net::BlockRef& block, const char* begin, const char* end);
  // One step of Consume(); false if the rest has to wait. Moves `begin`.
  bool ConsumeHead(const char*& begin, const char* end);
  bool ConsumeBody(const net::BlockRef& block, const char*& begin, const char* end);
  // What the decoder has let through, of so many bytes.
  void PassBody(net::Buffer&& body, size_t used);
  void Stash(const char* begin, const char* end);
  void BeginHead();
  // Whether [begin, end) is the preface of HTTP/2 as far as it goes.
  bool IsHttp2Preface(const char* begin, const char* end) const;
  void BecomeHttp2(const net::BlockRef& block, const char* begin, const char* end);
  void BeginExchange(absl::string_view raw_text);
  void RefuseRequest(const LocalError& error);
  void RefuseForOverload();
  void OnRequestComplete();
  void FailRequest(ResetReason reason, const LocalError* error);
  void OnInputEnd();
  BodyFraming ChooseFraming(const ResponseHead& head) const;
  void BeginTunnel(const ResponseHead& head);
  void EndResponse();
  void FinishExchange();
  void BeginNextRequest();
  void BeginClosing();
  void FinishClosing();
  void Closed();
  void ArmBodyTimer();
  void CheckBodyRate();

  net::Connection connection_;
  event::Timer timer_;
  Host& host_;
  ServerStreamEvents* exchange_ = nullptr;  // Null before, and after it let go.
  BodyDecoder decoder_;
  const net::Address peer_;
  const uint64_t id_;
  uint64_t requests_ = 0;

  PendingInput pending_;

  int64_t body_began_ns_ = 0;  // Moved on by what it was paused.
  int64_t paused_at_ns_ = 0;
  uint64_t body_bytes_ = 0;
  State state_ = State::kIdle;
  BodyFraming response_framing_ = BodyFraming::kNone;
  uint16_t pauses_ = 0;
  absl::string_view upgrade_;  // That was asked for, in the exchange's memory.
  Version version_ = Version::kHttp11;
  Method method_ = Method::kGet;
  bool keep_alive_ = true;
  bool request_done_ = false;
  bool response_begun_ = false;
  bool response_done_ = false;
  bool expects_continue_ = false;
  bool is_tunnel_ = false;  // The upgrade was granted.
  bool is_mute_ = false;    // What came is no HTTP at all: nothing is answered.
  bool is_consuming_ = false;
  bool input_ended_ = false;
  bool is_cut_ = false;      // The response ended in the middle.
  bool has_unread_ = false;  // Input was given up in the middle.
};

}  // namespace sluice::http::h1
