// What stands between a connection's bytes and its socket's: encryption, of which net knows this
// much only (net/tls implements it).
//
// It does no input or output of its own: bytes off the wire are handed to it, bytes for the wire it
// queues. So a wake-up costs one large read and one large write, whatever is in them.
//
// Thread: its connection's. Ownership: the connection's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "proxy/net/buffer.h"
#include "proxy/net/proxy_header.h"
#include "proxy/net/socket.h"

namespace sluice::net {

enum class ReadStatus { kData, kWouldBlock, kEnd, kError };

struct ReadResult {
  ReadStatus status;
  size_t bytes = 0;
};

struct PeerIdentity;

class SecureLayer {
 public:
  virtual ~SecureLayer() = default;

  enum class Progress : uint8_t { kDone, kNeedsInput, kFailed };
  // Goes on with the handshake with `input`, which came off the wire; at first with none. Whatever
  // comes of it, what is in wire() is to be sent.
  virtual Progress Handshake(absl::string_view input) = 0;
  // After the handshake: the peer waits for what is in wire(). False: it may go with what follows.
  virtual bool is_wire_urgent() const = 0;

  // Turns what came off the wire into plain bytes, up to `size` of them. Takes all of `input`; what
  // finds no room now comes with the next call, whose input must be empty while holds_input().
  // kEnd only where the peer said so: a connection that just ends may have been cut by anybody.
  virtual ReadResult Open(absl::string_view input, char* out, size_t size) = 0;
  virtual bool holds_input() const = 0;

  // Moves about `max` bytes of `plain`, or all, into wire(). False: nothing can be sent any more.
  virtual bool Seal(Buffer& plain, size_t max) = 0;
  // Says into wire() that nothing follows.
  virtual void SealEnd() = 0;

  // What is to be sent as it is.
  Buffer& wire() { return wire_; }

  // The protocol that both agreed on (ALPN), "" for none: "h2", "http/1.1".
  virtual absl::string_view protocol() const = 0;
  // The name that the client asked for (SNI), "" for none.
  virtual absl::string_view server_name() const = 0;
  virtual absl::string_view version() const = 0;  // "TLSv1.3"
  virtual absl::string_view cipher() const = 0;   // "TLS_AES_128_GCM_SHA256"
  virtual bool is_resumed() const = 0;
  // Null if it showed none.
  virtual const PeerIdentity* peer() const = 0;
  // What it was held to about clients' certificates: a number for each set of demands, the same in
  // every generation; 0 for none.
  virtual uint64_t client_auth_scope() const = 0;
  // Why the handshake failed, or what came after it is broken: "certificate_expired",
  // "unknown_ca", ...; "" if neither is the case.
  virtual absl::string_view failure() const = 0;

  // Whose fault that is. kNone as well for what broke after the peer had accepted us.
  enum class Fault : uint8_t {
    kNone,
    kHandshake,    // What came is no TLS, there is no common ground, or the peer refused us.
    kCertificate,  // We refused the peer's.
    kProtocol,     // There is no protocol that both want (ALPN).
  };
  virtual Fault fault() const = 0;

 protected:
  Buffer wire_;
};

// What is known of a peer that showed a certificate, which was found good. Immutable.
struct PeerIdentity {
  std::string subject;  // RFC 2253: "CN=orders,O=Example"
  std::string issuer;
  std::string serial;     // Hexadecimal.
  std::string sha256;     // Of the certificate; hexadecimal, lower case.
  std::string pem;        // The certificate.
  std::string chain_pem;  // It and what it came with.
  std::vector<std::string> dns_names;
  std::vector<std::string> uris;
  std::string dns_list;  // The same with commas between, for logs.
  std::string uri_list;
};

// A socket and what its bytes go through, to be handed from one that set it up to one that uses it.
struct Transport {
  Transport(Fd fd) : fd(std::move(fd)) {}  // NOLINT(google-explicit-constructor): a plain one.
  Transport(Fd fd, std::unique_ptr<SecureLayer> secure)
      : fd(std::move(fd)), secure(std::move(secure)) {}

  Fd fd;
  std::unique_ptr<SecureLayer> secure;  // Null: plain.
  // With which it began, before TLS; null if that names no client.
  std::unique_ptr<const ProxyHeader> proxy_header;
};

}  // namespace sluice::net
