// Reads what is left of a log that recovery refuses.
#pragma once

#include <string>
#include <vector>

#include "storage/env.h"
#include "storage/log/log.h"

namespace omendb::storage {

/// Visits every whole record after `mark.trimmed` in the log files of a folder, in the order of
/// their positions. It passes over what is damaged or missing between them. Writes nothing.
/// @param mark  of the manifest. `durable` tells how far the log must have reached.
/// @param lost  gets a sentence about each gap, which names file, offset and records.
/// @error the visitor's; kIoError where the folder cannot be listed.
Status salvage_log(Env& env, const std::string& directory, const LogMark& mark,
                   const LogVisitor& visit, std::vector<std::string>& lost);

}  // namespace omendb::storage
