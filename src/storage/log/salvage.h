// Reading what is left of a log that recovery refuses.
#pragma once

#include <string>
#include <vector>

#include "storage/env.h"
#include "storage/log/log.h"

namespace omendb::storage {

/// Visits every whole record of the log files in a folder, in the order of their positions, and
/// passes over what is damaged between them. Writes nothing.
/// @param lost  gets a sentence about each gap, which names file, offset and records.
/// @error the visitor's; kIoError where the folder cannot be listed.
Status salvage_log(Env& env, const std::string& directory, const LogVisitor& visit,
                   std::vector<std::string>& lost);

}  // namespace omendb::storage
