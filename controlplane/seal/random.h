// Random bytes of the kernel, fit for keys.
#pragma once

#include <cstddef>
#include <string>

namespace sluice::seal {

std::string RandomBytes(size_t size);

}  // namespace sluice::seal
