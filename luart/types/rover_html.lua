---@meta rover.html

---A template with data: rover.html(data)[[ <p>{{ text }}</p> ]]. `{{ v }}` writes a value with `& < > " '` as entities,
---`{{{ v }}}` writes it as it is, and `{{ for … do }}`, `{{ if … then }}`, `{{ end }}` run Lua. Functions put into rover.html are
---components of all templates. It makes HTML; api.html answers with it.
---
---Errors: a template that does not compile, with its line; an error in it; more than 1 MiB, or 4,096 tags.
---
---```lua
---function rover.html.badge(props)
---  return rover.html(props) [[<b class="{{ kind }}">{{ text }}</b>]]
---end
---function api.get()
---  return api.html { names = { "a<b", "c" } } [[
---{{ for _, name in ipairs(names) do }}{{ badge { kind = "user", text = name } }} {{ end }}]]
---end
----- GET / => 200 <b class="user">a&lt;b</b> <b class="user">c</b> 
---```
---@type { [string]: fun(props: any): any } | fun(data: table?): fun(template: string): rover.Html
rover.html = {}

---HTML that a template has made, and that is not escaped again. `..` joins two, and tostring gives the text, which JSON has,
---too. `#html` and the methods of strings are those of the text; what they return is a string.
---@class rover.Html
---@operator concat: rover.Html
