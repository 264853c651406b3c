// libmicrohttpd calls AccessHandler() again and again for a request: first with its head, then with
// pieces of its body, then once when it is whole, and after a suspended connection was resumed.
// What it has come to stands in the Exchange that it carries along.
#include "controlplane/web/http_server.h"

#include <arpa/inet.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/log.h"
#include "controlplane/tls/client_of.h"

namespace sluice::web {
namespace {

// A connection that does nothing for so long is closed.
constexpr unsigned kIdleSeconds = 60;
// Of one connection, for the head of its request.
constexpr size_t kConnectionBytes = 32 * 1024;
constexpr char kPriorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";

std::string AddressText(const sockaddr* address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address == nullptr) return "";
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
    return absl::StrCat(text, ":", ntohs(v4->sin_port));
  }
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
  inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
  return absl::StrCat("[", text, "]:", ntohs(v6->sin6_port));
}

std::string HeaderOf(MHD_Connection* connection, const char* name) {
  const char* value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
  return value == nullptr ? "" : value;
}

MHD_Result AddParameter(void* list, MHD_ValueKind, const char* key, const char* value) {
  auto& parameters = *static_cast<std::vector<std::pair<std::string, std::string>>*>(list);
  parameters.emplace_back(key, value == nullptr ? "" : value);
  return MHD_YES;
}

void LogError(void*, const char* format, va_list arguments) {
  char text[512];
  std::vsnprintf(text, sizeof(text), format, arguments);
  LOG(DEBUG) << "http: " << absl::StripSuffix(text, "\n");
}

// Gives libmicrohttpd the body without a copy.
MHD_Result Queue(MHD_Connection* connection, Response response) {
  auto* body = new std::string(std::move(response.body));
  MHD_Response* queued = MHD_create_response_from_buffer_with_free_callback_cls(
      body->size(), body->data(), [](void* owned) { delete static_cast<std::string*>(owned); },
      body);
  MHD_add_response_header(queued, "Content-Type", response.content_type.c_str());
  // What is shown today may be changed tomorrow, and no browser is to guess what it is.
  MHD_add_response_header(queued, "Cache-Control", "no-store");
  MHD_add_response_header(queued, "X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : response.headers) {
    MHD_add_response_header(queued, name.c_str(), value.c_str());
  }
  const MHD_Result result =
      MHD_queue_response(connection, static_cast<unsigned>(response.status), queued);
  MHD_destroy_response(queued);
  return result;
}

}  // namespace

// What a TLS connection began with: it lasts as long, whatever is renewed meanwhile.
struct HttpServer::Connection {
  std::shared_ptr<const tls::ServerMaterial> material;

  // As libmicrohttpd has it.
  static void OnNotice(void* files, MHD_Connection*, void** self,
                       MHD_ConnectionNotificationCode code) {
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
      *self = new Connection{static_cast<tls::ServerFiles*>(files)->Current()};
    } else {
      delete static_cast<Connection*>(std::exchange(*self, nullptr));
    }
  }

  // Null on a connection without TLS.
  static Connection* Of(MHD_Connection* connection) {
    const MHD_ConnectionInfo* info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info == nullptr ? nullptr : static_cast<Connection*>(info->socket_context);
  }

  // As GnuTLS has it: which certificate to show. libmicrohttpd ties the connection to the session.
  static int OnHandshake(gnutls_session_t session, const gnutls_datum_t*, int,
                         const gnutls_pk_algorithm_t*, int, gnutls_pcert_st** chain,
                         unsigned* chain_size, gnutls_privkey_t* key) {
    const Connection* self = Of(static_cast<MHD_Connection*>(gnutls_session_get_ptr(session)));
    if (self == nullptr) return -1;
    *chain = self->material->chain();
    *chain_size = self->material->chain_size();
    *key = self->material->private_key();
    return 0;
  }

  static std::vector<MHD_OptionItem> Options(tls::ServerFiles& files) {
    std::vector<MHD_OptionItem> options = {
        {MHD_OPTION_HTTPS_PRIORITIES, 0, const_cast<char*>(kPriorities)},
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, reinterpret_cast<void*>(&Connection::OnHandshake)},
        {MHD_OPTION_NOTIFY_CONNECTION, reinterpret_cast<intptr_t>(&Connection::OnNotice), &files},
    };
    const std::shared_ptr<const tls::ServerMaterial> material = files.Current();
    if (material->asks_clients()) {
      // Makes libmicrohttpd ask, and tells clients whom we trust. CallerOf() is what verifies.
      options.push_back(
          {MHD_OPTION_HTTPS_MEM_TRUST, 0, const_cast<char*>(material->client_ca().c_str())});
    }
    return options;
  }

  static auth::Caller CallerOf(MHD_Connection* connection) {
    const MHD_ConnectionInfo* info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    const Connection* self = Of(connection);
    if (self == nullptr || info == nullptr) return auth::Caller::Anybody();
    return tls::ClientOf(static_cast<gnutls_session_t>(info->tls_session), *self->material);
  }
};

// One request on its way through. Belongs to the connection, and is touched by its answer only
// while the connection is suspended.
class Exchange {
 public:
  Exchange(HttpServer& server, MHD_Connection* connection)
      : server_(server), connection_(connection) {}
  ~Exchange() { server_.Release(reserved_bytes_); }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // With its head. A body that says that it is too long is not read at all.
  MHD_Result Begin(const char* path, const char* method) {
    request_.method = method;
    request_.path = path;
    MHD_get_connection_values(connection_, MHD_GET_ARGUMENT_KIND, &AddParameter,
                              &request_.parameters);
    request_.host = HeaderOf(connection_, "Host");
    request_.content_type = HeaderOf(connection_, "Content-Type");
    const MHD_ConnectionInfo* info =
        MHD_get_connection_info(connection_, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    request_.peer = AddressText(info == nullptr ? nullptr : info->client_addr);
    request_.caller = server_.options_.tls == nullptr
                          ? auth::Caller::Anybody()
                          : HttpServer::Connection::CallerOf(connection_);
    uint64_t length = 0;
    const bool has_length = absl::SimpleAtoi(HeaderOf(connection_, "Content-Length"), &length);
    if (has_length && length > server_.options_.max_body_bytes)
      return Queue(connection_, TooLong());
    return MHD_YES;
  }

  // With a piece of its body. What is too much is read, as HTTP wants it, and dropped.
  void Append(const char* data, size_t size) {
    request_.has_body = true;
    if (refusal_.has_value()) return;
    if (request_.body.size() + size > server_.options_.max_body_bytes) {
      refusal_ = TooLong();
    } else if (!server_.Reserve(size)) {
      refusal_ = TextResponse(503, "too much is being uploaded at the same time");
    } else {
      reserved_bytes_ += size;
      request_.body.append(data, size);
    }
  }

  // When it is whole, and again when it has been answered.
  MHD_Result Finish() {
    if (refusal_.has_value()) return Queue(connection_, *std::exchange(refusal_, std::nullopt));
    if (response_.has_value()) return Queue(connection_, *std::exchange(response_, std::nullopt));
    if (!server_.BeginAnswer()) return Queue(connection_, TextResponse(503, "shutting down"));
    MHD_suspend_connection(connection_);
    server_.handler_(std::move(request_), Respond([this](Response response) {
                       // The exchange may be gone as soon as the connection is resumed.
                       HttpServer& server = server_;
                       response_ = std::move(response);
                       MHD_resume_connection(connection_);
                       server.EndAnswer();
                     }));
    return MHD_YES;
  }

  static MHD_Result OnAccess(void* server, MHD_Connection* connection, const char* path,
                             const char* method, const char*, const char* data, size_t* size,
                             void** exchange) {
    auto* self = static_cast<Exchange*>(*exchange);
    if (self == nullptr) {
      self = new Exchange(*static_cast<HttpServer*>(server), connection);
      *exchange = self;
      return self->Begin(path, method);
    }
    if (*size == 0) return self->Finish();
    self->Append(data, *size);
    *size = 0;
    return MHD_YES;
  }

  static void OnCompleted(void*, MHD_Connection*, void** exchange, MHD_RequestTerminationCode) {
    delete static_cast<Exchange*>(*exchange);
    *exchange = nullptr;
  }

 private:
  Response TooLong() const {
    return TextResponse(
        413, absl::StrCat("a body has at most ", server_.options_.max_body_bytes, " bytes"));
  }

  HttpServer& server_;
  MHD_Connection* const connection_;
  Request request_;
  size_t reserved_bytes_ = 0;
  std::optional<Response> refusal_;
  std::optional<Response> response_;
};

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(int listener, Options options,
                                                              Handler handler) {
  std::unique_ptr<HttpServer> server(new HttpServer(options, std::move(handler)));
  std::vector<MHD_OptionItem> secure;
  unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
  if (options.tls != nullptr) {
    flags |= MHD_USE_TLS;
    secure = Connection::Options(*options.tls);
  }
  secure.push_back({MHD_OPTION_END, 0, nullptr});
  server->daemon_ =
      MHD_start_daemon(flags, 0, nullptr, nullptr, &Exchange::OnAccess, server.get(),  //
                       MHD_OPTION_ARRAY, secure.data(),                                //
                       MHD_OPTION_EXTERNAL_LOGGER, &LogError, nullptr,                 //
                       MHD_OPTION_NOTIFY_COMPLETED, &Exchange::OnCompleted, nullptr,   //
                       MHD_OPTION_LISTEN_SOCKET, listener,                             //
                       MHD_OPTION_STRICT_FOR_CLIENT, 1,                                //
                       MHD_OPTION_CONNECTION_LIMIT, options.max_connections,           //
                       MHD_OPTION_CONNECTION_TIMEOUT, kIdleSeconds,                    //
                       MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionBytes,           //
                       MHD_OPTION_END);
  if (server->daemon_ == nullptr) return absl::InternalError("cannot start the HTTP server");
  return server;
}

HttpServer::~HttpServer() {
  if (daemon_ == nullptr) return;
  // First no more requests, then those that are being answered: libmicrohttpd must not be stopped
  // while connections are suspended.
  const MHD_socket listener = MHD_quiesce_daemon(daemon_);
  {
    MutexLock lock(mu_);
    is_stopping_ = true;
    while (answering_ > 0) answered_.Wait(mu_);
  }
  MHD_stop_daemon(daemon_);
  if (listener != MHD_INVALID_SOCKET) close(listener);
}

bool HttpServer::Reserve(size_t bytes) {
  MutexLock lock(mu_);
  if (reserved_bytes_ + bytes > options_.max_memory_bytes) return false;
  reserved_bytes_ += bytes;
  return true;
}

void HttpServer::Release(size_t bytes) {
  MutexLock lock(mu_);
  reserved_bytes_ -= bytes;
}

bool HttpServer::BeginAnswer() {
  MutexLock lock(mu_);
  if (is_stopping_) return false;
  ++answering_;
  return true;
}

void HttpServer::EndAnswer() {
  MutexLock lock(mu_);
  --answering_;
  answered_.Signal();
}

}  // namespace sluice::web
