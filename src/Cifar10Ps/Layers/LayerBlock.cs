using System.Collections;
using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Management.Automation.Language;
using Cifar10Ps.Networks;

namespace Cifar10Ps.Layers;

/// <summary>
/// Runs a user's block of layer words. The words are functions that exist while the block runs, in its scope: PowerShell binds their
/// arguments, and the user's session is not changed.
/// </summary>
/// <param name="layers">The block.</param>
/// <param name="classes">Number of classes.</param>
/// <param name="imageSize">Width and height of the images in pixels.</param>
internal sealed class LayerBlock(ScriptBlock layers, int classes, int imageSize)
{
    // An exception here ends the user's statement at its own line, whatever its ErrorAction is.
    private const string Body = """
        $failure = $add.Invoke($MyInvocation.MyCommand.Name, $PSBoundParameters, $MyInvocation)
        if ($failure) { $PSCmdlet.ThrowTerminatingError($failure) }
        """;

    // In a try, what fails ends the block whatever ErrorActionPreference is where it fails: in a function of a module, say.
    private const string Guard = "try { & $args[0] } catch { throw }";

    private const int LongestLine = 120;

    private readonly LayerStack _stack = new(classes, imageSize);
    private IScriptExtent? _last;
    private string? _lastText;

    /// <summary>Runs the block.</summary>
    /// <param name="name">Name of the network.</param>
    /// <param name="caller">The module whose code wants the network; null: it is not in a module.</param>
    /// <exception cref="LayerException">The block has a mistake.</exception>
    public Network Read(string name, PSModuleInfo? caller)
    {
        // A module that is never imported holds what the words need, so that the block does not see our variables.
        PSModuleInfo module = new(linkToGlobal: true);
        module.SessionState.PSVariable.Set("add", (Func<string, IDictionary, InvocationInfo, ErrorRecord?>)Add);
        Dictionary<string, ScriptBlock> functions = new(StringComparer.OrdinalIgnoreCase);
        foreach (LayerWord word in LayerWord.All)
            functions[word.Name] = module.NewBoundScriptBlock(ScriptBlock.Create(word.FunctionText(Body)));
        // A failing command ends the block: a network without one of its layers would be a different network.
        List<PSVariable> variables = [new("ErrorActionPreference", ActionPreference.Stop)];
        // The words have to be where the block looks for them: in the scopes of its own module.
        ScriptBlock guard = ScriptBlock.Create(Guard);
        ScriptBlock? bound = layers.Module is PSModuleInfo own ? own.NewBoundScriptBlock(guard) : caller is null ? guard : null;
        Run(layers, block => bound is null
            ? block.InvokeWithContext(functions, variables) : bound.InvokeWithContext(functions, variables, block));
        if (_stack.IsEmpty)
            throw new LayerException($"The block has no layers. Write layer words, Linear as the last: {Words}.", layers.Ast.Extent);
        if (!_stack.IsComplete)
            throw new LayerException($"The block ends with {_lastText}, which gives {_stack.Shape}. "
                + $"End it with Linear without a number: it has an output for each of the {classes} classes.", _last);
        try
        {
            return _stack.Build(name);
        }
        catch (InvalidDataException e)
        {
            throw new LayerException($"The block does not make a network: {e.Message}.", layers.Ast.Extent);
        }
    }

    private static string Words => string.Join(", ", LayerWord.All.Select(word => word.Name));

    /// <summary>Adds the layers of a word; an error is returned, for the word to throw.</summary>
    private ErrorRecord? Add(string name, IDictionary arguments, InvocationInfo place)
    {
        Shape input = _stack.Shape;
        try
        {
            LayerWord word = Find(name)!;
            _stack.Attempt(() => word.Add(_stack, new LayerArguments(arguments, RunInner)));
            (_last, _lastText) = (Extent(place), $"{word.Name}{Line(place, " in line ")}");
            return null;
        }
        catch (InvalidDataException e)
        {
            return Failure(new LayerException(Message(Find(name)!, place, input, e.Message), Extent(place)));
        }
        catch (LayerException e)
        {
            return Failure(e);
        }

        static ErrorRecord Failure(LayerException e) => new(e, "InvalidNetwork", ErrorCategory.InvalidArgument, null);
    }

    private void RunInner(ScriptBlock block) => Run(block, inner => ScriptBlock.Create(Guard).Invoke(inner));

    private void Run(ScriptBlock block, Func<ScriptBlock, Collection<PSObject>> invoke)
    {
        Collection<PSObject> output;
        try
        {
            output = invoke(block);
        }
        catch (RuntimeException e) when (e is not PipelineStoppedException)
        {
            throw Find(e) ?? Explain(e);
        }
        catch (LoopFlowException)
        {
            // It would leave a loop of the caller, or end the caller's script, without an error.
            throw new LayerException("The block has a break or continue that is not in a loop of the block. To end the block, use return.",
                block.Ast.Extent);
        }

        if (output.FirstOrDefault(item => item is not null) is PSObject first)
            throw new LayerException($"The block outputs '{DisplayText.Name(first.ToString())}' ({first.BaseObject.GetType().Name}), "
                + "which is not a layer. Assign what it computes to a variable, or to $null.", block.Ast.Extent);
    }

    private static LayerWord? Find(string? name) =>
        LayerWord.All.FirstOrDefault(word => word.Name.Equals(name, StringComparison.OrdinalIgnoreCase));

    private static LayerException? Find(Exception? e) => e is null ? null : e as LayerException ?? Find(e.InnerException);

    /// <summary>What the user's code did wrong.</summary>
    private LayerException Explain(RuntimeException e)
    {
        // Write-Error names the caller of the block, which is the guard.
        InvocationInfo? place = e.ErrorRecord?.InvocationInfo is { Line: not Guard } found ? found : null;
        string problem = e is CommandNotFoundException { CommandName: string name }
            ? Find(name) is LayerWord { Name: string word }
                ? $"'{word}' is a layer word, which is known in the block and to functions of the script or module that has it, "
                    + "but not here"
                : $"'{DisplayText.Name(name)}' is neither a layer word nor a command. The layer words are {Words}"
            : e.ErrorRecord?.ToString() is { Length: > 0 } text ? text : e.Message;
        return new LayerException(Message(Find(place?.MyCommand?.Name), place, _stack.Shape, problem), Extent(place), e);
    }

    private string Message(LayerWord? word, InvocationInfo? place, Shape input, string problem)
    {
        string where = word is null
            ? Line(place, "Line ") is { Length: > 0 } line ? $"{line}, after {input}" : $"After {input}"
            : $"{word.Name}{Line(place, " in line ")}, gets {input}";
        return $"{where}: {problem.ReplaceLineEndings(" ").TrimEnd('.')}.";
    }

    /// <summary>Number and text of a line; empty: it is unknown.</summary>
    private string Line(InvocationInfo? place, string before)
    {
        if (place is not { ScriptLineNumber: > 0 })
            return "";
        string text = place.Line.Trim();
        string file = place.ScriptName is { Length: > 0 } script && script != layers.File ? $" of {Path.GetFileName(script)}" : "";
        return $"{before}{place.ScriptLineNumber}{file}, '{(text.Length > LongestLine ? text[..LongestLine] + "…" : text)}'";
    }

    /// <summary>The place of a command or a throw: all of it if it is in the block, otherwise the rest of its line.</summary>
    private IScriptExtent? Extent(InvocationInfo? place)
    {
        if (place is not { ScriptLineNumber: > 0 })
            return null;
        Ast? found = (place.ScriptName ?? "") != (layers.File ?? "") ? null : layers.Ast.Find(IsThere, searchNestedScriptBlocks: true);
        return found?.Extent ?? new ScriptExtent(Position(place.OffsetInLine), Position(place.Line.TrimEnd().Length + 1));

        bool IsThere(Ast ast) => ast is CommandAst or ThrowStatementAst
            && (ast.Extent.StartLineNumber, ast.Extent.StartColumnNumber) == (place.ScriptLineNumber, place.OffsetInLine);

        ScriptPosition Position(int column) => new(place.ScriptName, place.ScriptLineNumber, column, place.Line);
    }
}
