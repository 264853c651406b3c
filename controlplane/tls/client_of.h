// Who is at the other end of a GnuTLS session.
#pragma once

#include <gnutls/gnutls.h>

#include "controlplane/auth/caller.h"
#include "controlplane/tls/server_files.h"

namespace sluice::tls {

// The holder of the certificate that was shown in `session`, if it is one of `material`'s
// authorities; else Caller::Unknown() with the reason. Anybody if `material` asks nobody.
auth::Caller ClientOf(gnutls_session_t session, const ServerMaterial& material);

}  // namespace sluice::tls
