// Resources as rows of a table.
#pragma once

#include <string>
#include <vector>

#include "api/resource/key.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::sluicectl {

// Of kNone: those for resources of several kinds.
std::vector<std::string> TitlesOf(resource::Kind kind);

// The cells under TitlesOf(kind).
std::vector<std::string> CellsOf(resource::Kind kind, const v1::Resource& resource);

// "a=1, b=2", shortened where there are many.
std::string LabelsCell(const google::protobuf::Map<std::string, std::string>& map);

}  // namespace sluice::sluicectl
