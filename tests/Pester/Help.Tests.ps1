BeforeDiscovery {
    . $PSScriptRoot/Setup.ps1
    $commands = Get-Command -Module Cifar10Ps
    $hasHelp = Test-Path $modulePath/en-US/Cifar10Ps.dll-Help.xml
}

Describe 'Help of <_.Name>' -Skip:(!$hasHelp) -ForEach $commands {
    BeforeAll { $help = Get-Help $_.Name -Full }

    It 'says what it does, at length, with examples' {
        # Without a help file, PowerShell gives the syntax instead.
        $help.Synopsis | Should -Not -Match '\[<CommonParameters>\]'
        $help.Description.Text | Should -Not -BeNullOrEmpty
        $help.Examples.Example.Code | Should -Match $_.Name
    }

    It 'has examples that parse, with parameters that exist' {
        foreach ($code in $help.Examples.Example.Code) {
            $errors = $null
            $script = [Management.Automation.Language.Parser]::ParseInput($code, [ref] $null, [ref] $errors)
            $errors | Should -BeNullOrEmpty
            foreach ($use in $script.FindAll({ $args[0] -is [Management.Automation.Language.CommandAst] }, $true)) {
                $command = Get-Command $use.GetCommandName() -ErrorAction Stop
                $use.CommandElements | Where-Object { $_ -is [Management.Automation.Language.CommandParameterAst] } | ForEach-Object {
                    { $null = $command.ResolveParameter($_.ParameterName) } | Should -Not -Throw -Because $code
                }
            }
        }
    }

    It 'describes every parameter' {
        $common = [Management.Automation.PSCmdlet]::CommonParameters + [Management.Automation.PSCmdlet]::OptionalCommonParameters
        foreach ($name in $_.Parameters.Keys | Where-Object { $_ -notin $common }) {
            ($help.Parameters.Parameter | Where-Object Name -eq $name).Description.Text | Should -Not -BeNullOrEmpty -Because "-$name needs a description"
        }
    }
}

Describe 'about_Cifar10Ps' -Skip:(!$hasHelp) {
    It 'is found' {
        Get-Help about_Cifar10Ps | Out-String | Should -Match 'Cifar10Ps'
    }
}
