using System.Collections;
using System.Collections.Concurrent;
using System.Management.Automation;
using System.Management.Automation.Language;
using System.Management.Automation.Runspaces;

namespace Cifar10Ps.Layers;

/// <summary>
/// Completes layer words and their parameters inside the blocks of New-Network. PowerShell has no completer for commands that only exist in
/// a block, so the session's TabExpansion2 is wrapped while the module is imported: inside such a block the words are functions in the
/// wrapper's scope while the original completes; elsewhere only the original runs. Removing the module puts the original back.
/// </summary>
public sealed class LayerWordCompletion : IModuleAssemblyInitializer, IModuleAssemblyCleanup
{
    private const string Cmdlet = "New-Network";
    private static readonly ConcurrentDictionary<Guid, (ScriptBlock Original, ScriptBlock Wrapper)> Sessions = [];

    /// <summary>The session's previous TabExpansion2; for the wrapper.</summary>
    public static ScriptBlock Original => Sessions[Session].Original;

    /// <summary>Defines the words as functions in the scope of the wrapper. Created on demand, since most imports never need it.</summary>
    public static ScriptBlock Words => ScriptBlock.Create(string.Join(Environment.NewLine, LayerWord.All.Select(word =>
        $"function {word.Name} {{ param({string.Join(", ", word.Parameters.Select(own => $"[{own.Type}] ${own.Name}"))}) }}")));

    private static Guid Session => Runspace.DefaultRunspace.InstanceId;

    /// <summary>Wraps the session's TabExpansion2.</summary>
    public void OnImport()
    {
        try
        {
            if (Current() is ScriptBlock original && Parameters(original) is ParamBlockAst parameters && !Sessions.ContainsKey(Session))
            {
                ScriptBlock wrapper = ScriptBlock.Create(WrapperText(parameters));
                Sessions[Session] = (original, wrapper);
                Replace(wrapper);
            }
        }
        catch (RuntimeException)
        {
            // In a session whose functions cannot be changed, completion stays as it was.
        }
    }

    /// <summary>Puts the original back, unless the wrapper has been replaced since by code that may still call it.</summary>
    /// <param name="psModuleInfo">The module.</param>
    public void OnRemove(PSModuleInfo psModuleInfo)
    {
        try
        {
            if (Sessions.TryGetValue(Session, out (ScriptBlock Original, ScriptBlock Wrapper) found) && Current()?.Ast == found.Wrapper.Ast)
            {
                Replace(found.Original);
                Sessions.TryRemove(Session, out _);
            }
        }
        catch (RuntimeException)
        {
            // As above.
        }
    }

    /// <summary>Whether the cursor is in a block of New-Network; for the wrapper.</summary>
    /// <param name="bound">The arguments of TabExpansion2.</param>
    public static bool IsInBlock(IDictionary bound)
    {
        ArgumentNullException.ThrowIfNull(bound);
        (Ast? script, int cursor) = (Value(bound, "inputScript"), Value(bound, "ast"), Value(bound, "positionOfCursor")) switch
        {
            (string text, _, _) when text.Contains(Cmdlet, StringComparison.OrdinalIgnoreCase) =>
                (Parser.ParseInput(text, out _, out _), Value(bound, "cursorColumn") as int? ?? text.Length),
            (_, Ast ast, IScriptPosition position) => (ast, position.Offset),
            _ => ((Ast?)null, 0),
        };
        return script?.Find(HasCursor, searchNestedScriptBlocks: true) is not null;

        bool HasCursor(Ast ast) => ast is CommandAst command && IsCmdlet(command.GetCommandName()) && command.CommandElements.Any(IsAround);

        // A block that is not closed yet reaches to the end of the text.
        bool IsAround(CommandElementAst element) => element is ScriptBlockExpressionAst { Extent: var extent }
            && extent.StartOffset < cursor && (cursor < extent.EndOffset || !extent.Text.EndsWith('}'));
    }

    /// <summary>The completions with the layer words before other commands; for the wrapper.</summary>
    /// <param name="completion">What the original found.</param>
    public static CommandCompletion WordsFirst(CommandCompletion completion)
    {
        ArgumentNullException.ThrowIfNull(completion);
        // Where there is nothing to complete, the collection is PowerShell's own, which cannot be changed.
        if (completion.CompletionMatches.Count == 0)
            return completion;
        string[] words = [.. LayerWord.All.Select(word => word.Name)];
        CompletionResult[] sorted = [.. completion.CompletionMatches.OrderByDescending(match => words.Contains(match.CompletionText))];
        completion.CompletionMatches.Clear();
        foreach (CompletionResult match in sorted)
            completion.CompletionMatches.Add(match);
        return completion;
    }

    private static bool IsCmdlet(string? name) => name?.Split('\\')[^1].Equals(Cmdlet, StringComparison.OrdinalIgnoreCase) is true;

    private static object? Value(IDictionary bound, string parameter) =>
        bound[parameter] is PSObject wrapped ? wrapped.BaseObject : bound[parameter];

    /// <summary>A function with the original's parameters. It has no variables, because the original would offer them.</summary>
    private static string WrapperText(ParamBlockAst parameters)
    {
        string attributes = string.Join(Environment.NewLine, parameters.Attributes.Select(attribute => attribute.Extent.Text));
        string type = $"[{typeof(LayerWordCompletion)}]";
        return $$"""
            {{attributes}}
            {{parameters.Extent.Text}}
            end {
                if ({{type}}::IsInBlock($PSBoundParameters)) {
                    . ({{type}}::Words)
                    return {{type}}::WordsFirst((& ({{type}}::Original) @PSBoundParameters))
                }
                & ({{type}}::Original) @PSBoundParameters
            }
            """;
    }

    private static ParamBlockAst? Parameters(ScriptBlock function) => function.Ast switch
    {
        ScriptBlockAst script => script.ParamBlock,
        FunctionDefinitionAst definition => definition.Body.ParamBlock,
        _ => null,
    };

    private static ScriptBlock? Current() =>
        (GlobalState.InvokeCommand.GetCommand("TabExpansion2", CommandTypes.Function) as FunctionInfo)?.ScriptBlock;

    private static void Replace(ScriptBlock function) => GlobalState.InvokeProvider.Item.Set("function:global:TabExpansion2", function);

    // Of a module that nobody imports; a script would have to be compiled first, which makes the import slower.
    private static SessionState GlobalState => new PSModuleInfo(linkToGlobal: true).SessionState;
}
