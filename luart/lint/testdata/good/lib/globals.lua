function shared_helper() return "x" end
module_constant = 1
return {}
