---@meta rover.html

---A template with data: rover.html(data)[[ <p>{{ text }}</p> ]]. Functions put into it are components of all templates.
---@type { [string]: fun(props: any): any } | fun(data: table?): fun(template: string): rover.Html
rover.html = {}

---HTML that a template has made, and that is not escaped again.
---@class rover.Html
---@operator concat: rover.Html
