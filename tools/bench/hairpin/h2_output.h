// What both sides of hairpin do with a session of nghttp2.
#pragma once

#include <nghttp2/nghttp2.h>

#include <string>
#include <utility>
#include <vector>

#include "tools/bench/hairpin/transport.h"

namespace sluice::hairpin {

using H2Fields = std::vector<std::pair<std::string, std::string>>;

// Points into `fields`.
std::vector<nghttp2_nv> FieldsOf(const H2Fields& fields);

// Windows so wide that they stand in nobody's way.
void SubmitSettings(nghttp2_session* session);

// Sends what the session has to send; what does not fit into the socket stays in `unsent`. False if
// the connection is gone.
bool FlushSession(nghttp2_session* session, Transport& transport, std::string& unsent);

}  // namespace sluice::hairpin
