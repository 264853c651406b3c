#include "controlplane/fleet/view/generation.h"

#include "sluice/v1/config_stream.pb.h"

namespace sluice::fleet {

Generation FromProto(const v1::Generation& generation) {
  return {{generation.store_id(), generation.epoch(), generation.number()}, generation.view_hash()};
}

v1::Generation ToProto(const Generation& generation) {
  v1::Generation proto;
  proto.set_store_id(generation.id.store_id);
  proto.set_epoch(generation.id.epoch);
  proto.set_number(generation.id.number);
  proto.set_view_hash(generation.view_hash);
  return proto;
}

}  // namespace sluice::fleet
