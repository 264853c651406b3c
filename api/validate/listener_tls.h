// The bounds of Listener.tls. Only listener.cc calls this.
#pragma once

#include "api/validate/field.h"
#include "sluice/v1/listener.pb.h"

namespace sluice::validate {

void CheckListenerTls(const v1::Listener::Tls& tls, const Field& field);

// A list of subject alternative names that a peer's certificate must have one of.
void CheckAltNames(const google::protobuf::RepeatedPtrField<std::string>& names,
                   const Field& parent, absl::string_view list);

// PEM of authorities.
void CheckAuthorities(absl::string_view pem, const Field& field);

}  // namespace sluice::validate
