// Names the exact content of one view at one commit.
#pragma once

#include <string>

#include "controlplane/store/store.h"

namespace sluice::v1 {
class Generation;
}

namespace sluice::fleet {

struct Generation {
  store::GenerationId id;
  std::string view_hash;

  bool operator==(const Generation&) const = default;
};

Generation FromProto(const v1::Generation& generation);
v1::Generation ToProto(const Generation& generation);

}  // namespace sluice::fleet
