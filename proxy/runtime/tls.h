// Certificates and what listeners say about TLS, to what serves them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "api/resource/problem.h"
#include "proxy/exchange/client_cert.h"
#include "proxy/net/tls/server_context.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::runtime {

// Null, with a problem, if it cannot be served.
std::shared_ptr<const net::tls::Certificate> ToCertificate(
    const v1::Resource& certificate, std::vector<resource::Problem>& problems);

// Null if there is none of that name.
using FindCertificate =
    absl::FunctionRef<std::shared_ptr<const net::tls::Certificate>(const std::string& name)>;

// How a listener with TLS speaks it; null, with a problem, if it cannot.
std::shared_ptr<const net::tls::ServerContext> ToServerContext(
    const v1::Resource& listener, FindCertificate find,
    std::shared_ptr<const net::tls::TicketKeys> tickets, std::vector<resource::Problem>& problems);

exchange::ForwardClientCert ToForwardClientCert(const v1::Listener::ForwardClientCert& forward);

}  // namespace sluice::runtime
