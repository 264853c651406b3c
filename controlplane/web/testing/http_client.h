// A client that sends what the test says, byte for byte.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace sluice::web {

struct Answer {
  int status = 0;
  std::map<std::string, std::string> headers;  // Names in lower case.
  std::string body;
};

// Sends `bytes` to the port of 127.0.0.1 and reads until the server closes. Status 0: no answer.
Answer Exchange(uint16_t port, const std::string& bytes);

// A request with Host, Content-Length and "Connection: close".
Answer Call(uint16_t port, const std::string& method, const std::string& target,
            const std::string& body = "", const std::string& content_type = "application/json");

}  // namespace sluice::web
