#pragma once
#include "kvctl/base/text.hpp"
